import { expect, test } from 'vitest';
import { trialsCsv } from './trials-csv.ts';
import { trialView } from './views.ts';

type Row = Parameters<typeof trialView>[0];

const progress = {
  step: 40,
  steps: 100,
  phase: 'training',
  loss: 0.4,
  dice: null,
  bestDice: null,
  stepsPerSecond: 4,
  etaSeconds: 15,
  memoryMb: 900,
  dataWaitFraction: 0.25,
};

/** A trial's row, as far as a view needs it. */
function row(changes: Partial<Row>): Row {
  const rest = { waitMs: null, trainMs: null, stepMs: null, validationMs: null, progress: null, checkpoint: null };
  const ids = { id: 'trl_1', number: 0, kind: 'search', algorithm: 'unet', fold: 0, state: 'running', point: {} };
  const scores = { steps: 100, step: 40, bestStep: null, bestDice: null, diceByClass: {}, reason: null, lease: 1 };
  return { ...ids, ...scores, ...rest, startedAt: null, finishedAt: null, ...changes } as unknown as Row;
}

test('a trial tells how long its device waited for data: of its last steps while it trains, of them all once it ended', () => {
  expect(trialView(row({})).dataWaitFraction).toBeNull();
  expect(trialView(row({ progress })).dataWaitFraction).toBe(0.25);
  const ended = trialView(row({ waitMs: 20, trainMs: 1980 }));
  expect(ended.dataWaitFraction).toBeCloseTo(0.01, 12);
  expect(trialsCsv([ended])).toContain('dataWaitFraction');
  // One that ended before it could wait, or that an earlier version trained.
  expect(trialView(row({ waitMs: 0, trainMs: 0 })).dataWaitFraction).toBeNull();
  expect(trialView(row({ waitMs: null, trainMs: 1980 })).dataWaitFraction).toBeNull();
});
