import { Plan } from '@voxhelm/contracts/plan';
import { describe, expect, test } from 'vitest';
import { valuePaths } from './plan-overrides.ts';
import { planners } from './planners.ts';
import {
  BRAIN,
  CPU,
  gpu,
  type MadeUpDataset,
  PET_CT,
  planInput,
  SPECKS,
  THICK_CT,
  WHOLE_BODY,
} from './planning-fixtures.ts';

/*
 * Plans for datasets of other kinds than the sample: what each algorithm decides from their statistics.
 */

const KINDS: Readonly<Record<string, MadeUpDataset>> = { THICK_CT, BRAIN, PET_CT, WHOLE_BODY, SPECKS };
const planOf = (name: string, dataset: MadeUpDataset, device = CPU): Plan =>
  (planners[name] as (typeof planners)[string]).plan(planInput(dataset, { device }));
const voxels = ({ patchSize }: Plan): number => patchSize.reduce((product, size) => product * size, 1);

describe.each(Object.keys(planners))('%s', (name) => {
  test.each(Object.keys(KINDS))('plans %s on a CPU and on GPUs, every value with its reason', (kind) => {
    for (const device of [CPU, gpu(16), gpu(32), gpu(80)]) {
      const plan = planOf(name, KINDS[kind] as MadeUpDataset, device);
      expect(Plan.parse(plan)).toEqual(plan);
      expect(new Set(Object.keys(plan.reasons))).toEqual(new Set(valuePaths(plan)));
      expect(plan.preprocessing.normalization).toHaveLength(plan.modalities.length);
    }
  });

  test('each channel of PET/CT is brought to range by its own modality and its own numbers', () => {
    const plan = planOf(name, PET_CT);
    const [ct, pet] = plan.preprocessing.normalization;
    expect(ct).toMatchObject({ lower: -80, upper: 210 });
    expect(pet?.mode).toBe(
      { segresnet: 'shift-sigmoid', dints: 'shift-sigmoid', swinunetr: 'zscore-nonzero', unet: 'zscore' }[name],
    );
    expect(plan.reasons['preprocessing.normalization']).toMatch(/-80 \.\. 210.*of all cases together/);
  });

  test('105 classes get a smaller patch than 3 on the same device, and one that shows something', () => {
    const few = { ...WHOLE_BODY, labels: WHOLE_BODY.labels.slice(0, 3) };
    for (const device of [CPU, gpu(32)]) {
      // SwinUNETR on a GPU has one size; its batch is what shrinks.
      const [many, three] = [WHOLE_BODY, few].map((dataset) => planOf(name, dataset, device)) as [Plan, Plan];
      expect(voxels(many) * many.batchSize).toBeLessThan(voxels(three) * three.batchSize);
      expect(voxels(many)).toBeGreaterThan(24 ** 3);
    }
  });
});

test('CT of thick slices: patches in the aspect of the voxels, the plane halved first, no resampling of equal cases', () => {
  for (const name of ['segresnet', 'unet']) {
    const plan = planOf(name, THICK_CT);
    const [x, y, z] = plan.patchSize;
    expect(plan.preprocessing.spacingMm).toBeNull();
    expect(x).toBe(y);
    expect(x).toBeGreaterThan(4 * z);
    // In mm about as high as wide: 70 x 70 x 70 and 64 x 64 x 80.
    expect((z * 5) / (x * 0.8)).toBeGreaterThan(0.75);
    expect((z * 5) / (x * 0.8)).toBeLessThan(1.3);
  }
  expect(planOf('segresnet', THICK_CT).network.options['resolution']).toEqual([0.8, 0.8, 5]);
});

test('on a GPU a patch that shows nearly the whole brain lies anywhere; in the few steps of a CPU it is centred by class', () => {
  expect(planOf('segresnet', BRAIN, gpu(32)).sampling.mode).toBe('uniform');
  expect(planOf('segresnet', BRAIN, CPU).sampling.mode).toBe('class');
});

test('a class of 20 voxels is looked for, whatever the patch shows', () => {
  for (const device of [CPU, gpu(32), gpu(80)]) {
    for (const name of Object.keys(planners)) {
      const { sampling } = planOf(name, SPECKS, device);
      expect(sampling.mode).toBe('class');
      expect(sampling.classRatios[1]).toBeGreaterThanOrEqual(0.33);
    }
  }
  expect(planOf('segresnet', SPECKS, gpu(32)).reasons['sampling.mode']).toMatch(/label 1 fills less than 0.01 %/);
});

test('the logits of many classes: 16 GB train 160^3 for 25 classes and 128^3 for 105 (automl.md 1.6)', () => {
  // Half of the memory counts, in single precision.
  const some = { ...WHOLE_BODY, labels: WHOLE_BODY.labels.slice(0, 25) };
  expect(planOf('segresnet', some, gpu(32)).patchSize).toEqual([160, 160, 160]);
  expect(planOf('segresnet', WHOLE_BODY, gpu(32))).toMatchObject({ patchSize: [128, 128, 128], batchSize: 1 });
});
