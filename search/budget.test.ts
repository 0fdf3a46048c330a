import { VoxhelmError } from '@voxhelm/contracts/errors';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Allocation,
  allocate,
  type BudgetInput,
  foldTrainings,
  reserveOnceFound,
  SMALLEST_STEPS,
  wallBudgetMs,
} from './budget.ts';
import { lookSteps, wholeMsBesideLooks } from './looks.ts';
import { type FinishedTraining, stepsForNextTrial } from './next-training.ts';
import { refuseBudget, smallestLeftMs } from './smallest-budget.ts';
import { type Probe, trainingMs, validationInterval } from './training-time.ts';

const probe: Probe = { stepMs: 250, predictCaseMs: 500, startMs: 5_000 };
const demo: BudgetInput = {
  budgetMs: 600_000,
  elapsedMs: 20_000,
  algorithms: [{ name: 'segresnet', probe, planSteps: 12_500 }],
  trainingCases: 24,
  testCases: 8,
  parallel: 1,
  folds: null,
  searchTrials: null,
  steps: null,
};

const inputs = fc.record({
  budgetMs: fc.integer({ min: 60_000, max: 40 * 3_600_000 }),
  elapsedMs: fc.integer({ min: 0, max: 50_000 }),
  algorithms: fc
    .record({
      probe: fc.record({
        stepMs: fc.integer({ min: 20, max: 3_000 }),
        predictCaseMs: fc.integer({ min: 10, max: 20_000 }),
        startMs: fc.integer({ min: 0, max: 30_000 }),
      }),
      planSteps: fc.integer({ min: 100, max: 50_000 }),
    })
    .map((one) => [{ name: 'segresnet', ...one }]),
  trainingCases: fc.integer({ min: 2, max: 400 }),
  testCases: fc.integer({ min: 0, max: 100 }),
  parallel: fc.integer({ min: 1, max: 8 }),
  folds: fc.constant(null),
  searchTrials: fc.constant(null),
  steps: fc.constant(null),
});

function plannedMs(input: BudgetInput, allocation: Allocation): number {
  const one = input.algorithms[0] as BudgetInput['algorithms'][number];
  const cases = Math.ceil(input.trainingCases / allocation.splits);
  const waves =
    Math.ceil(allocation.searchTrials / input.parallel) + Math.ceil((allocation.folds - 1) / input.parallel);
  return (
    input.elapsedMs + waves * trainingMs(one.probe, allocation.foldSteps, cases) + (allocation.ensembleReserveMs ?? 0)
  );
}

/** The allocation, or null where the budget is refused. */
function tryAllocate(input: BudgetInput): Allocation | null {
  try {
    return allocate(input);
  } catch (error) {
    expect(error).toBeInstanceOf(VoxhelmError);
    return null;
  }
}

test('ten minutes on two cores: two search trials, the winner on a further fold, some hundred steps each', () => {
  const allocation = allocate(demo);
  expect(allocation).toMatchObject({ searchTrials: 2, folds: 2, splits: 5 });
  expect(allocation.foldSteps).toBeGreaterThan(400);
  expect(allocation.foldSteps).toBeLessThan(800);
  expect(allocation.reasons['folds']).toContain('on this device');
});

test('what is planned never exceeds the budget, and every training is long enough', () => {
  fc.assert(
    fc.property(inputs, (input) => {
      const allocation = tryAllocate(input);
      if (allocation === null) return;
      expect(plannedMs(input, allocation)).toBeLessThanOrEqual(input.budgetMs);
      expect(allocation.foldSteps).toBeGreaterThanOrEqual(SMALLEST_STEPS);
      expect(allocation.folds).toBeLessThanOrEqual(allocation.splits);
      expect(allocation.splits).toBeLessThanOrEqual(input.trainingCases);
    }),
  );
});

test('a larger budget never gets less: neither trials nor folds, nor all steps together', () => {
  fc.assert(
    fc.property(inputs, fc.integer({ min: 1, max: 3_600_000 }), (input, moreMs) => {
      const less = tryAllocate(input);
      const more = tryAllocate({ ...input, budgetMs: input.budgetMs + moreMs });
      if (less === null) return;
      expect(more).not.toBeNull();
      expect(more?.searchTrials).toBeGreaterThanOrEqual(less.searchTrials);
      expect(more?.folds).toBeGreaterThanOrEqual(less.folds);
    }),
  );
});

test('a budget too small is refused with the smallest that would do, which then does', () => {
  const refused = { ...demo, budgetMs: 40_000 };
  expect(() => allocate(refused)).toThrow(/budget of 40s is too small/);
  try {
    allocate(refused);
  } catch (error) {
    const { details, code, fix } = error as VoxhelmError;
    expect(code).toBe('invalid-request');
    expect(fix).toMatch(/^Give a budget of \d+[sm] or more\.$/);
    const allocation = allocate({ ...demo, budgetMs: details['smallestMs'] as number });
    expect(allocation).toMatchObject({ searchTrials: 1, folds: 1 });
    // With a margin, so that it still does on a machine that is busier by then.
    expect(allocate({ ...demo, elapsedMs: 25_000, budgetMs: (details['smallestMs'] as number) * 0.9 }).folds).toBe(1);
    expect(() => allocate({ ...demo, budgetMs: (details['smallestMs'] as number) * 0.7 })).toThrow(/too small/);
  }
});

test('the smallest budget is what the fastest algorithm needs alone, the others not even measured, in the unit asked for', () => {
  const slow = { name: 'slow', probe: { ...probe, stepMs: 2_000, tookMs: 100_000 }, planSteps: 12_500 };
  const refusalOf = (input: BudgetInput): VoxhelmError => {
    try {
      refuseBudget(input);
    } catch (error) {
      return error as VoxhelmError;
    }
  };
  const alone = refusalOf({ ...demo, budgetMs: 40_000 });
  const both = { ...demo, budgetMs: 60_000, elapsedMs: 120_000, algorithms: [slow, ...demo.algorithms] };
  const beside = refusalOf(both);
  expect(beside.details['smallestMs']).toBe(alone.details['smallestMs']);
  expect(beside.message).toMatch(/^the budget of 60s is too small: of segresnet alone, 1 search trial\(s\)/);
  const trainers = refusalOf({ ...both, budgetMs: 0.015 * 3_600_000, budgetOf: 'trainers' });
  expect(trainers.message).toMatch(/^the budget of 0\.015 gpu-hours is too small: .* may take 0\.0\d+ gpu-hours on/);
  const hours = Number(/of (\d.*) gpu-hours or more/.exec(trainers.fix ?? '')?.[1]);
  expect(hours * 3_600_000).toBeGreaterThanOrEqual(trainers.details['smallestMs'] as number);
  expect(hours * 3_600_000).toBeLessThan(1.1 * (trainers.details['smallestMs'] as number));
});

test('what the user gives is kept', () => {
  expect(allocate({ ...demo, folds: 4, searchTrials: 3 })).toMatchObject({ folds: 4, splits: 4, searchTrials: 3 });
  expect(allocate({ ...demo, steps: 120 })).toMatchObject({ searchSteps: 120, foldSteps: 120 });
  const tooMuch = allocate({ ...demo, steps: 5_000, folds: 2, searchTrials: 2 });
  expect(tooMuch).toMatchObject({ foldSteps: 5_000, folds: 2, searchTrials: 2 });
  expect(tooMuch.reasons['steps']).toBe('given by the user, whatever the budget');
});

test("without a budget: the plan's own steps, five folds, eight trials", () => {
  expect(allocate({ ...demo, budgetMs: null })).toMatchObject({
    folds: 5,
    splits: 5,
    searchTrials: 8,
    foldSteps: 12_500,
    ensembleReserveMs: null,
  });
});

test('few cases give few folds; fewer than two cases, or more folds than cases, are refused', () => {
  expect(allocate({ ...demo, budgetMs: null, trainingCases: 3 })).toMatchObject({ folds: 3, splits: 3 });
  expect(() => allocate({ ...demo, trainingCases: 1 })).toThrow(/too few/);
  expect(() => allocate({ ...demo, folds: 30 })).toThrow(/24/);
});

test('one fold still validates on a fifth of the cases', () => {
  expect(allocate({ ...demo, folds: 1, searchTrials: 1 })).toMatchObject({ folds: 1, splits: 5 });
});

test('an edited plan of few steps has enough with those, and keeps no other algorithm from its own', () => {
  const short = { name: 'short', probe, planSteps: 20 };
  const allocation = allocate({ ...demo, budgetMs: 1_200_000, algorithms: [short, ...demo.algorithms] });
  expect(allocation.searchTrials).toBeGreaterThanOrEqual(2);
  expect(allocation.searchStepsByAlgorithm?.['short']).toBe(20);
  expect(allocation.searchStepsByAlgorithm?.['segresnet']).toBeGreaterThanOrEqual(150);
});

/** Plays a run through on a machine `pace` times slower than probed; the time that its trainings and reserve take. */
function play(input: BudgetInput, pace: (training: number) => number): { elapsedMs: number; trainings: number } {
  const allocation = allocate(input);
  const algorithm = input.algorithms[0] as BudgetInput['algorithms'][number];
  const cases = Math.ceil(input.trainingCases / allocation.splits);
  const finished: FinishedTraining[] = [];
  const left = { search: allocation.searchTrials, folds: allocation.folds - 1 };
  let elapsedMs = input.elapsedMs;
  for (let training = 0; training < allocation.searchTrials + allocation.folds - 1; training++) {
    const next = stepsForNextTrial({
      kind: left.search > 0 ? 'search' : 'fold',
      algorithm,
      allocation,
      remainingMs: (input.budgetMs as number) - elapsedMs,
      trainingsLeft: { ...left },
      parallel: 1,
      trainingCases: input.trainingCases,
      steps: null,
      finished,
    });
    if (left.search > 0) left.search--;
    else left.folds--;
    if (next.steps === null) continue;
    const wallMs = trainingMs(algorithm.probe, next.steps, cases) * pace(training);
    elapsedMs += wallMs;
    finished.push({ algorithm: algorithm.name, steps: next.steps, wallMs });
  }
  return { elapsedMs: elapsedMs + (allocation.ensembleReserveMs as number), trainings: finished.length };
}

test('a machine that is slower than probed still ends inside the budget', () => {
  for (const pace of [0.7, 1, 1.3, 1.8]) {
    const { elapsedMs, trainings } = play(demo, () => pace);
    expect(elapsedMs).toBeLessThanOrEqual(600_000);
    expect(trainings).toBe(3);
  }
  // The last training may get a tenth slower than those before it; beyond that it ends ahead of its last step (nn/trainer.ts).
  expect(play(demo, (training) => (training < 2 ? 1 : 1.1)).elapsedMs).toBeLessThanOrEqual(600_000);
});

test('time that is left over goes to the folds', () => {
  const { elapsedMs } = play(demo, () => 0.7);
  expect(elapsedMs).toBeGreaterThan(500_000);
});

test('a trial for which no useful time is left is left out, and fixed steps stay fixed', () => {
  const base = {
    kind: 'fold' as const,
    algorithm: { name: 'segresnet', probe, planSteps: 12_500 },
    allocation: allocate(demo),
    remainingMs: 75_000,
    trainingsLeft: { search: 0, folds: 1 },
    parallel: 1,
    trainingCases: 24,
    steps: null,
    finished: [],
  };
  expect(stepsForNextTrial(base).steps).toBeNull();
  expect(stepsForNextTrial({ ...base, steps: 40 })).toMatchObject({ steps: 40, reason: 'given by the user' });
  expect(stepsForNextTrial({ ...base, remainingMs: null }).steps).toBe(12_500);
  // An edited plan may be as short as its owner wants it, also beside other algorithms.
  const short = { ...base.algorithm, planSteps: 40 };
  expect(stepsForNextTrial({ ...base, algorithm: short, remainingMs: 400_000 }).steps).toBe(40);
  expect(stepsForNextTrial({ ...base, algorithm: short }).steps).toBeNull();
});

test('validations take about a tenth of the time at most, but the last step validates', () => {
  fc.assert(
    fc.property(
      inputs,
      fc.integer({ min: 60, max: 20_000 }),
      fc.integer({ min: 1, max: 50 }),
      (input, steps, cases) => {
        const { probe: own } = input.algorithms[0] as BudgetInput['algorithms'][number];
        const every = validationInterval(own, steps, cases);
        const before = Math.ceil(steps / every) - 1;
        expect(before).toBeLessThanOrEqual(20);
        expect(before * cases * own.predictCaseMs).toBeLessThanOrEqual(0.1 * steps * own.stepMs);
      },
    ),
  );
});

test('algorithms are searched for the same time: a fast one does more steps than a slow one', () => {
  const slow = { name: 'slow', probe: { ...probe, stepMs: 1_000 }, planSteps: 12_500 };
  const input = { ...demo, budgetMs: 1_800_000, algorithms: [...demo.algorithms, slow] };
  const { searchSteps, searchStepsByAlgorithm } = allocate(input);
  expect(searchStepsByAlgorithm?.['slow']).toBe(searchSteps);
  expect(searchStepsByAlgorithm?.['segresnet']).toBeGreaterThan(2.5 * searchSteps);
});

test("a budget of trainers' time is divided among them, after what one of them has spent", () => {
  const hour = 3_600_000;
  expect(wallBudgetMs(40 * hour, 'trainers', 0, 8)).toBe(5 * hour);
  expect(wallBudgetMs(40 * hour, 'trainers', 8 * hour, 8)).toBe(12 * hour);
  expect(wallBudgetMs(40 * hour, 'wall clock', 8 * hour, 8)).toBe(40 * hour);
  expect(wallBudgetMs(null, 'trainers', hour, 8)).toBeNull();
});

const searching = { name: 'searching', probe: { ...probe, searchMs: 20_000 }, planSteps: 12_500 };

const four = ['a', 'b', 'c'].map((name) => ({ name, probe, planSteps: 12_500 })).concat(searching as never);

test('of several algorithms each is tried once before a fold is trained, and more time never tries or trains fewer', () => {
  expect(allocate({ ...demo, budgetMs: 660_000, algorithms: four })).toMatchObject({ searchTrials: 4, folds: 2 });
  expect(allocate({ ...demo, budgetMs: 400_000, algorithms: four })).toMatchObject({ searchTrials: 4, folds: 1 });
  let before = { searchTrials: 0, folds: 0 };
  for (let minutes = 3; minutes < 300; minutes *= 1.3) {
    const { searchTrials, folds } = allocate({ ...demo, budgetMs: minutes * 60_000, algorithms: four });
    expect(searchTrials).toBeGreaterThanOrEqual(before.searchTrials);
    expect(folds).toBeGreaterThanOrEqual(before.folds);
    before = { searchTrials, folds };
  }
});

test('of several algorithms each gets a short look, and the best trains whole on every fold: longer than if all trained alike', () => {
  const input = { ...demo, budgetMs: 1_200_000, algorithms: four };
  const looked = allocate(input);
  const even = allocate({ ...input, folds: looked.folds, mayLook: false });
  expect(looked).toMatchObject({ looks: true, searchTrials: 4 });
  expect(foldTrainings(looked)).toBe(looked.folds);
  expect(foldTrainings(even)).toBe(even.folds - 1);
  expect(looked.foldSteps).toBeGreaterThan(1.2 * even.foldSteps);
  expect(looked.searchStepsByAlgorithm?.['a']).toBeLessThan(0.5 * looked.foldSteps);
  expect(Math.min(...Object.values(looked.searchStepsByAlgorithm ?? {}))).toBeGreaterThanOrEqual(150);
  // One algorithm, or trials that the user counted, have nothing to look at.
  expect(allocate({ ...input, algorithms: demo.algorithms }).looks).toBe(false);
  expect(allocate({ ...input, searchTrials: 4 }).looks).toBe(false);
});

test('once the winner is known, no more is kept free than its models need, and never more than before', () => {
  const slow = { name: 'slow', probe: { ...probe, predictCaseMs: 5_000 }, planSteps: 12_500 };
  const algorithms = [...four, slow];
  const allocation = allocate({ ...demo, budgetMs: 3_600_000, algorithms, testCases: 50 });
  const kept = (winner: string) => reserveOnceFound(allocation, algorithms, winner, demo.trainingCases, 50) as number;
  // Every member was foreseen to be as slow as the slowest; beside the winner's own it is one of two.
  const fast = allocation.folds + 1;
  expect((allocation.ensembleReserveMs as number) - kept('a')).toBeCloseTo(fast * 50 * 4_500, -1);
  expect(kept('slow')).toBeLessThanOrEqual(allocation.ensembleReserveMs as number);
  expect(reserveOnceFound({ ...allocation, ensembleReserveMs: null }, algorithms, 'a', 24, 50)).toBeNull();
});

test('looks and whole trainings together never take more than there is', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20_000, max: 10_000_000 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.integer({ min: 20, max: 3_000 }), { minLength: 2, maxLength: 5 }),
      (availableMs, folds, parallel, stepsMs) => {
        const algorithms = stepsMs.map((stepMs, i) => ({
          name: `${i}`,
          probe: { ...probe, stepMs },
          planSteps: 10_000,
        }));
        const wholeMs = wholeMsBesideLooks(algorithms, availableMs, folds, 5, parallel);
        const looks = lookSteps(algorithms, wholeMs, 5);
        const looksMs = algorithms.map(({ name, probe: own }) => trainingMs(own, looks[name] as number, 5));
        fc.pre(Object.values(looks).every((steps) => steps > 0));
        const sumMs = looksMs.reduce((a, b) => a + b, 0) / parallel + Math.ceil(folds / parallel) * wholeMs;
        expect(sumMs).toBeLessThanOrEqual(availableMs);
        for (const ms of looksMs) expect(ms).toBeLessThanOrEqual(wholeMs);
      },
    ),
  );
});

test('a search for an architecture is part of its trial, which is shorter than the others, and of no other training', () => {
  const input = { ...demo, budgetMs: 660_000, algorithms: [...demo.algorithms, searching], mayLook: false };
  const allocation = allocate(input);
  const cases = 5;
  const own = allocation.searchStepsByAlgorithm?.['searching'] as number;
  const other = allocation.searchStepsByAlgorithm?.['segresnet'] as number;
  expect(20_000 + trainingMs(searching.probe, own, cases)).toBeLessThan(0.75 * trainingMs(probe, other, cases));
  expect(own).toBeGreaterThanOrEqual(SMALLEST_STEPS);

  const next = (kind: 'search' | 'fold', finished: readonly FinishedTraining[]) =>
    stepsForNextTrial({
      kind,
      algorithm: searching,
      allocation: { ...allocation, searchStepsByAlgorithm: undefined, searchSteps: 10_000 },
      remainingMs: 400_000,
      trainingsLeft: { search: 1, folds: 1 },
      parallel: 1,
      trainingCases: 24,
      steps: null,
      finished,
    }).steps as number;
  const first = next('search', []);
  // It took as long as estimated, the search included: later trainings take the result over and fill their time with steps.
  const done = [{ algorithm: 'searching', steps: first, wallMs: 20_000 + trainingMs(searching.probe, first, cases) }];
  expect(next('search', done)).toBeGreaterThan(first + 50);
  expect(next('fold', done)).toBeGreaterThan(next('search', done));
});

test('alone, an algorithm that searches its architecture first is compared with none: its trial fills its time, and the smallest budget has room for the search', () => {
  const alone = { ...demo, elapsedMs: 0, algorithms: [searching] };
  const wholeMs = (allocation: Allocation): number =>
    20_000 + trainingMs(searching.probe, allocation.searchStepsByAlgorithm?.['searching'] as number, 5);
  const single = allocate({ ...alone, folds: 1, searchTrials: 1 });
  const slotMs = trainingMs(probe, single.foldSteps, 5);
  expect(wholeMs(single)).toBeLessThanOrEqual(slotMs + probe.stepMs);
  expect(wholeMs(single)).toBeGreaterThan(0.97 * slotMs);

  const leftMs = smallestLeftMs(alone);
  expect(leftMs - smallestLeftMs(demo)).toBeGreaterThanOrEqual(20_000);
  const least = allocate({ ...alone, budgetMs: leftMs });
  const keptMs = (least.ensembleReserveMs as number) + (least.marginMs as number);
  expect(least.searchStepsByAlgorithm?.['searching']).toBeGreaterThanOrEqual(SMALLEST_STEPS);
  expect(wholeMs(least) + keptMs).toBeLessThanOrEqual(leftMs);
});
