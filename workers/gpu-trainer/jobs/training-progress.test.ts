import type { TrialProgress } from '@voxhelm/contracts/trial';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { followTraining, type TrainingProgress } from './training-progress.ts';

describe('followTraining', () => {
  let told: TrialProgress[];
  let progress: TrainingProgress;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    told = [];
    progress = followTraining({ steps: 100, validateEverySteps: 25 }, { step: 0, bestDice: null }, (snapshot) =>
      told.push(snapshot),
    );
  });
  afterEach(() => {
    progress.close();
    vi.useRealTimers();
  });

  const step = (number: number) => progress.step({ step: number, learningRate: 0.1, stepMs: 80, waitMs: 20 });

  it('estimates the time left from measured steps and validations', () => {
    for (let number = 1; number <= 50; number += 1) step(number);
    progress.validation({ step: 50, dice: 0.4, diceByClass: {}, validationMs: 3_000 });
    // 50 steps of 100 ms and the validations at steps 75 and 100.
    expect(progress.snapshot()).toMatchObject({ stepsPerSecond: 10, etaSeconds: 5 + 6, dataWaitFraction: 0.2 });
  });

  it('tells about once a second, also while steps keep the timers from running', () => {
    for (let number = 1; number <= 50; number += 1) {
      vi.advanceTimersByTime(100);
      step(number);
    }
    expect(told.length).toBeGreaterThanOrEqual(4);
    expect(told.length).toBeLessThanOrEqual(12);
  });

  it('keeps the best Dice, from an earlier attempt too', () => {
    const later = followTraining({ steps: 10, validateEverySteps: 5 }, { step: 5, bestDice: 0.7 }, () => undefined);
    later.validation({ step: 10, dice: 0.6, diceByClass: {}, validationMs: 1 });
    expect(later.snapshot()).toMatchObject({ step: 5, dice: 0.6, bestDice: 0.7 });
    later.close();
  });

  it('gives points keyed by step, a missing class and a loss that is no number apart', () => {
    expect(step(9)).toEqual([]);
    expect(step(10).map((point) => [point.series, point.step])).toEqual([
      ['learningRate', 10],
      ['stepMs', 10],
      ['dataWaitFraction', 10],
    ]);
    expect(progress.loss(10, 0.5)).toEqual([{ series: 'loss', step: 10, value: 0.5 }]);
    expect(progress.loss(11, Number.NaN)).toEqual([]);
    const scores = { step: 10, dice: 0.5, diceByClass: { '1': 0.5, '2': null }, validationMs: 1 };
    expect(progress.validation(scores)).toEqual([
      { series: 'dice', step: 10, value: 0.5 },
      { series: 'dice.1', step: 10, value: 0.5 },
    ]);
  });
});
