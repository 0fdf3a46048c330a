import { expect, test } from 'vitest';
import type { StudyTrial } from '../study.ts';
import { pruneByMedian as byMedian } from './median.ts';
import type { Pruner } from './pruner.ts';

const pruneByMedian = (trials: Parameters<Pruner>[0], one: StudyTrial, step: number) =>
  byMedian(trials, one, step, 'maximize');

function trial(
  number: number,
  steps: number,
  dice: readonly number[],
  state: StudyTrial['state'] = 'completed',
): StudyTrial {
  const reports = dice.map((value, index) => [((index + 1) * steps) / 10, value] as const);
  return { number, point: {}, steps, state, value: dice.at(-1) ?? null, reports };
}

/** Ten reports rising to `last`. */
const rising = (last: number) => Array.from({ length: 10 }, (_, index) => (last * (index + 1)) / 10);
const completed = [0.5, 0.6, 0.7, 0.8, 0.9].map((last, number) => trial(number, 100, rising(last)));

test('stops a trial whose best so far is below the median of the completed ones, and says why', () => {
  const poor = trial(5, 100, [0.1, 0.2, 0.2, 0.25, 0.3], 'running');
  const decision = pruneByMedian(completed, poor, 50);
  expect(decision.stop).toBe(true);
  expect(decision.reason).toBe(
    'best Dice 0.3000 at step 50 of 100 is below 0.3500, the median of 5 completed trials at that point',
  );
});

test('goes on at the median and above it, by the best value so far and not the last', () => {
  expect(pruneByMedian(completed, trial(5, 100, [0, 0, 0, 0, 0.35], 'running'), 50).stop).toBe(false);
  expect(pruneByMedian(completed, trial(5, 100, [0, 0, 0.4, 0, 0.1], 'running'), 50).stop).toBe(false);
});

test('stops nothing before five trials completed', () => {
  const others = [
    ...completed.slice(0, 4),
    trial(8, 100, rising(0.9), 'pruned'),
    trial(9, 100, rising(0.9), 'running'),
  ];
  expect(pruneByMedian(others, trial(5, 100, [0, 0, 0, 0, 0], 'running'), 50).stop).toBe(false);
});

test('stops nothing in the first third, and not at the last step', () => {
  const poor = trial(5, 100, Array(10).fill(0), 'running');
  expect(pruneByMedian(completed, poor, 30).stop).toBe(false);
  expect(pruneByMedian(completed, poor, 40).stop).toBe(true);
  expect(pruneByMedian(completed, poor, 100).stop).toBe(false);
});

test('compares trials of other lengths at the same share of their steps', () => {
  const longer = completed.map((each) => ({ ...trial(each.number, 1_000, rising(each.value as number)) }));
  const poor = trial(5, 100, [0.1, 0.2, 0.2, 0.25, 0.3], 'running');
  expect(pruneByMedian(longer, poor, 50)).toEqual(pruneByMedian(completed, poor, 50));
});

test('the mean of the two middle values is the bar for an even number of trials', () => {
  const six = [...completed, trial(6, 100, rising(1))];
  expect(pruneByMedian(six, trial(7, 100, [0, 0, 0, 0, 0.37], 'running'), 50).stop).toBe(true);
  expect(pruneByMedian(six, trial(7, 100, [0, 0, 0, 0, 0.38], 'running'), 50).stop).toBe(false);
});
