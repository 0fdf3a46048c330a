import { Plan } from '@voxhelm/contracts/plan';
import { PlanOverrides } from '@voxhelm/contracts/run';
import { expect, test } from 'vitest';
import { GIVEN } from './plan-overrides.ts';
import { planners } from './planners.ts';
import { CPU, gpu, HIPPOCAMPUS, planInput } from './planning-fixtures.ts';

const all = Object.values(planners);

test.each(all)('$name takes every value of a training from the request, marked as given, and keeps it', (planner) => {
  const given = {
    optimizer: 'sgd-nesterov',
    schedule: 'polynomial',
    momentum: 0.95,
    weightDecay: 3e-5,
    ema: 0.999,
    accumulate: 2,
    recompute: 'blocks',
    augmentOn: 'device',
    warmupSteps: 7,
    gradientClipNorm: null,
    precision: 'bfloat16',
    loss: { name: 'DiceFocalLoss', options: { softmax: true } },
    stopEarly: { fromShare: 0.7, validations: 5, leastGain: 0.01 },
  } as const;
  const overrides = PlanOverrides.parse({ ...given, learningRate: 0.02 });
  const plan = planner.plan(planInput(HIPPOCAMPUS, { overrides }));
  expect(Plan.parse(plan).training).toMatchObject({ ...given, learningRate: 0.02 });
  for (const key of Object.keys(given)) expect(plan.reasons[`training.${key}`]).toBe(GIVEN);
  expect(planner.withSteps(plan, 50).training).toMatchObject({
    ema: 0.999,
    warmupSteps: 7,
    stopEarly: given.stopEarly,
  });
});

test.each(all)('$name refuses a spacing at which the images have no shape or fit into no array', (planner) => {
  const at = (spacingMm: [number, number, number]) => () =>
    planner.plan(planInput(HIPPOCAMPUS, { overrides: { spacingMm } }));
  expect(at([50, 50, 50])).toThrow(/plan.spacingMm 50 x 50 x 50 makes the median image one of 1 x 1 x 1 voxels/);
  expect(at([1, 1, 30])).toThrow(/plan.spacingMm/);
  expect(at([0.01, 0.01, 0.01])).toThrow(/voxels/);
  expect(at([2, 2, 2])).not.toThrow();
});

test.each(all)('$name tells of an image scored by itself nothing about a pooled foreground', (planner) => {
  const { normalization } = planner.plan(planInput(HIPPOCAMPUS)).preprocessing;
  expect(normalization[0]?.mode).toMatch(/zscore/);
  expect(planner.plan(planInput(HIPPOCAMPUS)).reasons['preprocessing.normalization']).not.toMatch(/pooled/);
});

test('an optimiser that no rule chose has its own learning rate, unless one is given', () => {
  const rate = (name: string, optimizer: 'adamw' | 'sgd-nesterov', device = CPU) =>
    planners[name]?.plan(planInput(HIPPOCAMPUS, { overrides: { optimizer }, device })).training.learningRate;
  expect(rate('segresnet', 'sgd-nesterov')).toBe(0.01);
  expect(rate('segresnet', 'adamw')).toBe(1e-3);
  expect(rate('unet', 'adamw', gpu(16))).toBe(2e-4);
  expect(rate('unet', 'sgd-nesterov', gpu(16))).toBe(0.01);
});

test('flat curves end a training of the plan’s own length alone', () => {
  for (const planner of all) {
    const plan = planner.plan(planInput(HIPPOCAMPUS));
    expect(plan.training.stopEarly).toMatchObject({ fromShare: 0.5 });
    expect(planner.withSteps(plan, 100).training.stopEarly).toBeNull();
    expect(planner.plan(planInput(HIPPOCAMPUS, { overrides: { steps: 900 } })).training.stopEarly).toBeNull();
    expect(planner.plan(planInput(HIPPOCAMPUS, { overrides: { stopEarly: null } })).training.stopEarly).toBeNull();
  }
});

test.each(all)('$name says so where a shorter training cuts its warm-up', (planner) => {
  const plan = planner.plan(planInput(HIPPOCAMPUS));
  const short = planner.withSteps(plan, 200);
  expect(short.training.warmupSteps).toBe(20);
  expect(short.reasons['training.warmupSteps']).toBe('at most a tenth of the steps');
  expect(planner.withSteps(plan, plan.training.steps - 1).reasons['training.warmupSteps']).toBe(
    plan.reasons['training.warmupSteps'],
  );
});

test('weights to start from stand in the plan as the store has them; DiNTS has no encoder to freeze', () => {
  const startFrom = {
    source: 'run:r1',
    weights: { uri: 'runs/r/start-from', sha256: 'a'.repeat(64), bytes: 1 },
    required: true,
  };
  for (const planner of all) {
    const input = planInput(HIPPOCAMPUS, { startFrom, overrides: { startFrom: 'run:r1', freeze: 'encoder' } });
    if (planner.name === 'dints') {
      expect(() => planner.plan(input)).toThrow(/no encoder/);
      continue;
    }
    const plan = planner.plan(input);
    expect(plan.training).toMatchObject({ startFrom, freeze: 'encoder' });
    expect(plan.reasons['training.startFrom']).toBe(GIVEN);
  }
});
