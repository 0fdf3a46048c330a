import { expect, test } from 'vitest';
import { ABDOMEN, gpu, HIPPOCAMPUS, planInput } from '../planning-fixtures.ts';
import { swinunetr } from './plan.ts';

test("Auto3DSeg's sizes on its GPUs: patches and epochs by memory (automl.md 1.7)", () => {
  const dataset = { ...HIPPOCAMPUS, cases: 200 };
  // Memory counts half, in single precision, and 1 GB stays free.
  const plan = (memoryGb: number) => swinunetr.plan(planInput(dataset, { device: gpu(2 * (memoryGb + 1)) }));
  expect([16, 24, 40, 80].map((memoryGb) => plan(memoryGb).batchSize)).toEqual([2, 4, 7, 14]);
  expect(plan(16)).toMatchObject({
    patchSize: [64, 64, 64],
    network: { options: { feature_size: 48 } },
    training: { steps: 2 * 200 * 1000, learningRate: 4e-4, gradientClipNorm: 0.5, deepSupervisionWeights: [1] },
    inference: { overlap: 0.625 },
  });
});

test('CT is cut to its foreground range and brought to 1 mm where axes lie on both sides of it', () => {
  const plan = swinunetr.plan(planInput(ABDOMEN, { device: gpu(48) }));
  expect(plan.preprocessing).toEqual({
    spacingMm: [1, 1, 1],
    normalization: [{ mode: 'range-clip', lower: -160, upper: 240 }],
  });
  expect(plan.patchSize).toEqual([96, 96, 96]);
});

test('on a CPU small patches, the longest axis 64; smaller ones are refused with the reason', () => {
  expect(swinunetr.plan(planInput(HIPPOCAMPUS))).toMatchObject({
    patchSize: [32, 64, 32],
    network: { options: { feature_size: 12 } },
  });
  const small = { patchSize: [32, 32, 32] as [number, number, number] };
  expect(() => swinunetr.plan(planInput(HIPPOCAMPUS, { overrides: small }))).toThrow(/patch size .* too small/);
});

test('quarter turns are in the plane of the slices, whichever axis they lie on: across it voxels are as long as wide', () => {
  const planeOf = (spacingMm: readonly [number, number, number]) => {
    const slices = { ...ABDOMEN, spacingMm: [spacingMm, spacingMm, spacingMm] as const };
    const { augmentation } = swinunetr.plan(planInput(slices, { device: gpu(32), overrides: { steps: 40_000 } }));
    return augmentation.find((one) => one.name === 'RandRotate90d')?.spatial_axes;
  };
  expect(planeOf([1.2, 1.2, 5])).toEqual([0, 1]);
  expect(planeOf([1.2, 1.2, 1.2])).toEqual([0, 1]);
  expect(planeOf([5, 1.2, 1.2])).toEqual([1, 2]);
  expect(planeOf([1.2, 5, 1.2])).toEqual([0, 2]);
});
