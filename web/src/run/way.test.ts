import type { RunDetail } from '@voxhelm/contracts/api';
import { expect, test } from 'vitest';
import { stationsOf } from './way.tsx';

const run = (state: RunDetail['state'], stage: RunDetail['stage']): RunDetail =>
  ({ id: 'r', state, stage, datasetId: 'd', trials: [], plans: [], findings: [], ensemble: null }) as never;
const standings = (...of: Parameters<typeof run>): string[] => stationsOf(run(...of)).map(({ standing }) => standing);

test('the way fills as the run goes on; where a run was cancelled nothing is under way', () => {
  expect(standings('queued', 'queued')).toEqual(['ahead', 'ahead', 'ahead', 'ahead', 'ahead']);
  expect(standings('running', 'search')).toEqual(['done', 'done', 'now', 'ahead', 'ahead']);
  expect(standings('cancelled', 'search')).toEqual(['done', 'done', 'stopped', 'ahead', 'ahead']);
  expect(standings('completed', 'done')).toEqual(['done', 'done', 'done', 'done', 'done']);
});
