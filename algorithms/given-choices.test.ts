import { PlanOverrides } from '@voxhelm/contracts/run';
import { describe, expect, test } from 'vitest';
import { GIVEN } from './plan-overrides.ts';
import { planners } from './planners.ts';
import { CPU, HIPPOCAMPUS, planInput } from './planning-fixtures.ts';

/** As RUN.yaml has it, defaults filled in. */
const overrides = PlanOverrides.parse({
  augmentation: [
    { name: 'RandAffined', prob: 0.2, rotate_range: [0.3, 0.3, 0.3], units: 'mm' },
    { name: 'RandomBiasField', p: 0.1 },
    { name: 'RandFlipd', prob: 0.5, spatial_axis: 0 },
  ],
  loss: { name: 'TverskyLoss', options: { alpha: 0.3, beta: 0.7 } },
  classRatios: [1, 2, 2],
});

describe.each(Object.values(planners))('$name', (planner) => {
  const plan = planner.plan(planInput(HIPPOCAMPUS, { device: CPU, overrides }));

  test('takes augmentation, loss and patch centres as they were given, and says so', () => {
    expect(plan.augmentation).toEqual(overrides.augmentation);
    expect(plan.training.loss).toEqual({ name: 'TverskyLoss', options: { alpha: 0.3, beta: 0.7, softmax: true } });
    expect(plan.sampling.classRatios).toEqual([1, 2, 2]);
    for (const path of ['augmentation', 'training.loss', 'sampling.classRatios']) {
      expect(plan.reasons[path]).toContain(GIVEN);
    }
  });

  test('a loss with weights for another number of labels is refused', () => {
    const planWith = (weight: number | number[], include_background = true) => {
      const loss = { name: 'DiceCELoss', options: { weight, include_background } };
      return () => planner.plan(planInput(HIPPOCAMPUS, { overrides: PlanOverrides.parse({ loss }) }));
    };
    expect(planWith([1, 2])).toThrow('plan.loss.options.weight has 2 numbers for 3 labels');
    for (const allowed of [planWith([1, 2, 2]), planWith([2, 2], false), planWith(2)]) expect(allowed).not.toThrow();
  });

  test('of groups of labels a loss is of sigmoids, and leaves none out as the background', () => {
    const labelGroups = [
      { name: 'whole', values: [1, 2], writes: 1 },
      { name: 'core', values: [2], writes: 2 },
    ];
    const lossOf = (loss: unknown) => {
      const given = PlanOverrides.parse({ loss });
      return planner.plan(planInput(HIPPOCAMPUS, { labelGroups, overrides: given })).training.loss.options;
    };
    const dice = { name: 'DiceCELoss', options: { include_background: false, softmax: true, squared_pred: true } };
    expect(lossOf(dice)).toEqual({ squared_pred: true, sigmoid: true, include_background: true });
    const focal = { name: 'FocalLoss', options: { include_background: false, use_softmax: true, gamma: 3 } };
    expect(lossOf(focal)).toEqual({ gamma: 3, include_background: true });
  });

  test('neither a search nor a short training changes a given list', () => {
    expect(Object.keys(planner.space(plan))).not.toContain('augmentation');
    expect(planner.withSteps(plan, 50).augmentation).toEqual(overrides.augmentation);
  });

  test('refuses ratios that are not one for each label', () => {
    const input = planInput(HIPPOCAMPUS, { device: CPU, overrides: { classRatios: [1, 1] } });
    expect(() => planner.plan(input)).toThrow(/^plan.classRatios has 2 numbers for 3 labels \(background, /);
  });
});

test.each(Object.values(planners))(
  '$name refuses background alone, and more labels than 8 bits tell apart beside 255, voxels that nobody labelled',
  (planner) => {
    const input = (labels: number) =>
      planInput({ ...HIPPOCAMPUS, labels: Array.from({ length: labels }, (_, value) => `label ${value}`) });
    expect(planner.plan(input(255)).labels).toHaveLength(255);
    expect(() => planner.plan(input(256))).toThrow('256 labels are more than the 255 that a plan has');
    // All label maps are empty, and nobody says what should be in them.
    expect(() => planner.plan(input(1))).toThrow('there is no label but background');
  },
);

test('a request refuses transforms and loss options that do not exist, or that belong elsewhere', () => {
  const refused = (value: unknown): string => JSON.stringify(PlanOverrides.safeParse(value).error?.issues);
  expect(refused({ augmentation: [{ name: 'RandFlipd', probability: 1 }] })).toContain('probability');
  expect(refused({ augmentation: [{ name: 'flip', probability: 50, axes: [0] }] })).toContain('probability');
  expect(refused({ augmentation: [{ name: 'gamma', probability: 1, range: [-1, 1] }] })).toContain('range');
  expect(refused({ augmentation: [{ name: 'Spacingd', pixdim: [1, 1, 1] }] })).toContain('discriminator');
  expect(refused({ loss: { name: 'DiceLoss', options: { alpha: 1 } } })).toContain('alpha');
});
