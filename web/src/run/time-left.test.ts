import type { RunView } from '@voxhelm/contracts/api';
import { expect, test } from 'vitest';
import { timeLeftInWords } from './time-left.ts';

const run = (state: RunView['state'], etaRangeSeconds: [number, number] | null = null): RunView =>
  ({ state, stage: 'search', etaRangeSeconds }) as RunView;

test('time left is an interval, or the reason why there is none', () => {
  expect(timeLeftInWords(run('running', [120, 240]))).toBe('2–4 min');
  expect(timeLeftInWords(run('running'))).toBe('told when its first trainings are timed');
  expect(timeLeftInWords(run('paused'))).toBe('told when it is resumed');
  expect(timeLeftInWords(run('cancelled'))).toBe('none: it is over');
});
