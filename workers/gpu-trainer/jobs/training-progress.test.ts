import type { MetricPoint, TrialProgress } from '@voxhelm/contracts/trial';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DeviceUseMeter } from './device-use.ts';
import { followTraining, type TrainingProgress } from './training-progress.ts';

describe('followTraining', () => {
  let told: TrialProgress[];
  let looks = 0;
  const meter: DeviceUseMeter = {
    take() {
      looks += 1;
      return { cpuShare: 0.75, residentMemoryMb: 900, gpuShare: 0.5, gpuMemoryMb: 4_096 };
    },
    close: () => undefined,
  };
  let progress: TrainingProgress;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    told = [];
    const training = { steps: 100, validateEverySteps: 25 };
    progress = followTraining(training, { step: 0, bestDice: null }, meter, (snapshot) => told.push(snapshot));
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
    const training = { steps: 10, validateEverySteps: 5 };
    const later = followTraining(training, { step: 5, bestDice: 0.7 }, meter, () => undefined);
    later.validation({ step: 10, dice: 0.6, diceByClass: {}, validationMs: 1 });
    expect(later.snapshot()).toMatchObject({ step: 5, dice: 0.6, bestDice: 0.7 });
    later.close();
  });

  it('tells what the device is used for from the first batch on, in 200 points at most, at the same steps however often it resumes', () => {
    const before = looks;
    progress.begin();
    progress.begin();
    expect(looks).toBe(before + 1);
    const device = (of: readonly MetricPoint[]) => of.filter(({ series }) => /^(cpu|gpu|resident)/.test(series));
    expect(device(step(9))).toEqual([]);
    expect(device(step(10))).toEqual([
      { series: 'cpuShare', step: 10, value: 0.75 },
      { series: 'residentMemoryMb', step: 10, value: 900 },
      { series: 'gpuShare', step: 10, value: 0.5 },
      { series: 'gpuMemoryMb', step: 10, value: 4_096 },
    ]);
    const long = { steps: 4_000, validateEverySteps: 1_000 };
    const later = followTraining(long, { step: 0, bestDice: null }, meter, () => undefined);
    const at = (number: number) => later.step({ step: number, learningRate: 0.1, stepMs: 80, waitMs: 20 });
    expect([10, 20, 30, 40].map((number) => device(at(number)).length)).toEqual([0, 4, 0, 4]);
    later.close();
  });

  it('gives points keyed by step, a missing class and a loss that is no number apart', () => {
    expect(step(9)).toEqual([]);
    expect(step(10).map((point) => [point.series, point.step])).toEqual(
      expect.arrayContaining([
        ['learningRate', 10],
        ['stepMs', 10],
        ['dataWaitFraction', 10],
      ]),
    );
    expect(progress.loss(10, 0.5)).toEqual([{ series: 'loss', step: 10, value: 0.5 }]);
    expect(progress.loss(11, Number.NaN)).toEqual([]);
    const scores = { step: 10, dice: 0.5, diceByClass: { '1': 0.5, '2': null }, validationMs: 1 };
    expect(progress.validation(scores)).toEqual([
      { series: 'dice', step: 10, value: 0.5 },
      { series: 'dice.1', step: 10, value: 0.5 },
    ]);
  });
});
