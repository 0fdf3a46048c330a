import type { RunEvent, RunView } from '@voxhelm/contracts/api';
import { expect, test } from 'vitest';
import { mergeEvents, mergeRuns } from './merge.ts';

const event = (id: number): RunEvent => ({
  ...{ id, runId: 'r', type: 'test', at: '2026-11-25T20:00:00.000Z' },
  ...{ message: String(id), data: {} },
});
const run = (id: string, state: RunView['state']): RunView => ({ id, state }) as RunView;

test('an event that came while the list was read is there, in its place and once', () => {
  const told = [event(4), event(6)];
  const read = [event(3), event(4), event(5)];
  expect(mergeEvents(told, read).map(({ id }) => id)).toEqual([3, 4, 5, 6]);
  expect(mergeEvents(read, told).map(({ id }) => id)).toEqual([3, 4, 5, 6]);
});

test('a run that ended while the list was read has ended; one that was deleted is gone', () => {
  const read = [run('b', 'running'), run('a', 'running')];
  const shown = mergeRuns(read, [run('a', 'completed'), run('c', 'queued')], ['b']);
  expect(shown.map(({ id, state }) => `${id} ${state}`)).toEqual(['c queued', 'a completed']);
});
