import type { FusionMode } from '@voxhelm/contracts/ensemble';
import type { Plan } from '@voxhelm/contracts/plan';
import { argmaxLabels } from '@voxhelm/imaging/preprocess';
import type { Affine, Vec3, Volume } from '@voxhelm/imaging/volume';
import { voxelCount } from '@voxhelm/imaging/volume';
import type { Network } from '@voxhelm/nn/network';
import { createWindowPredictor } from '@voxhelm/nn/window-predictor';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type LoadedModel, predictImages } from './fuse-models.ts';
import { prepareImage } from './image-groups.ts';
import { predictPreprocessed } from './predict-case.ts';
import { quantize } from './quantize.ts';
import { predictLarge, slabPlanes } from './slabs.ts';
import { tinyPlan } from './testing.ts';
import { fuseVotes } from './validation.ts';

const LABELS = [0, 2, 300].map((value) => ({ value, name: `label ${value}` }));
const WINDOW: Vec3 = [4, 5, 3];

/** Three classes whose logits hang on a voxel and on its place in the window: windows over one voxel disagree. */
function modelOf(spacingMm: Vec3 | null, seed: number): LoadedModel {
  const plan: Plan = {
    ...tinyPlan(),
    labels: LABELS,
    patchSize: [...WINDOW],
    preprocessing: { spacingMm: spacingMm === null ? null : [...spacingMm], normalization: [{ mode: 'none' }] },
    inference: { ...tinyPlan().inference, overlap: 0.5, windowBatchSize: 3 },
  };
  const network = { inChannels: 1, outChannels: 3 } as Network;
  const compute = async (windows: Float32Array) =>
    Float32Array.from({ length: 3 * windows.length }, (_, i) => {
      const voxel = Math.floor(i / 3);
      return Math.sin((seed + (i % 3)) * (windows[voxel] as number) + 0.05 * (voxel % voxelCount(WINDOW)));
    });
  return { plan, predictor: createWindowPredictor(network, plan, compute) };
}

/** Some orientations, one of them with the right-left axis last. */
const AFFINES: readonly Affine[] = [
  [1, 0, 0, 0, 0, 1.5, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1],
  [-1, 0, 0, 4, 0, 0, 1.5, 0, 0, -2, 0, 9, 0, 0, 0, 1],
  [0, 0, -1.2, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1],
];

test('an image predicted in slabs has the labels and the entropy of the image predicted as a whole', async () => {
  const side = fc.integer({ min: 1, max: 11 });
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(side, side, side),
      fc.constantFrom(...AFFINES),
      fc.constantFrom<FusionMode>('mean', 'vote'),
      fc.constantFrom<number[][]>([], [[0]], [[0, 2], [1]]),
      fc.constantFrom<readonly (Vec3 | null)[]>([null], [[0.7, 1.9, 1.1]], [null, [2.3, 1, 1]]),
      fc.integer({ min: 1, max: 900 }),
      async (shape, affine, mode, flips, spacings, values) => {
        const data = Float32Array.from({ length: voxelCount(shape) }, (_, i) => Math.sin(12.9898 * i) * 4);
        const image: Volume = { shape, channels: 1, data, affine };
        const models = spacings.map((spacingMm, seed) => modelOf(spacingMm, seed + 1));
        const fusion = { mode, flips, largestComponent: [300] };
        const [whole] = await predictImages(models, [prepareImage(image)], fusion, LABELS);
        const [slabs] = await predictImages(models, [prepareImage(image)], fusion, LABELS, values);
        expect(slabs?.labels).toEqual(whole?.labels);
        const [a, b] = [slabs?.entropy(), whole?.entropy()];
        expect(a).toHaveLength(b?.length ?? 0);
        b?.forEach((value, i) => expect(a?.[i]).toBeCloseTo(value, 5));
      },
    ),
    { numRuns: 60 },
  );
}, 30_000);

test('what a validation keeps of an image in slabs is what it keeps of the whole, to a byte', async () => {
  const shape: Vec3 = [9, 7, 6];
  for (const affine of AFFINES) {
    for (const spacingMm of [null, [0.7, 1.9, 1.1] as const]) {
      const data = Float32Array.from({ length: voxelCount(shape) }, (_, i) => Math.sin(12.9898 * i) * 4);
      const model = modelOf(spacingMm, 1);
      const one = prepareImage({ shape, channels: 1, data, affine }).preprocessed(model.plan);
      const [whole] = await predictPreprocessed(model.predictor, [one], model.plan, []);
      const probabilities = whole ?? new Float32Array(0);
      const slabs = await predictLarge(model, one, LABELS, 200);
      expect(slabs?.labels).toEqual(argmaxLabels(probabilities, 3, LABELS));
      expect(slabs?.probabilities).toEqual(quantize(probabilities));
      expect(await predictLarge(model, one, LABELS, 2 ** 30)).toBeNull();
    }
  }
  const huge = { shape: [2, 2, 2], original: { shape: [512, 512, 600], affine: AFFINES[0] } } as never;
  const many = Array.from({ length: 105 }, (_, value) => ({ value, name: `label ${value}` }));
  await expect(predictLarge(modelOf(null, 1), huge, many, 2 ** 30)).rejects.toThrow(/105 classes of 512 x 512 x 600/);
});

test('stored predictions fused part by part give the labels of all together', () => {
  const votes = [1, 2, 3].map((seed) => ({
    classes: 3,
    shape: [5, 4, 3] as const,
    data: Uint8Array.from({ length: 180 }, (_, i) => (Math.sin(seed * i * 78.233) + 1) * 127),
  }));
  for (const mode of ['mean', 'vote'] as const) {
    const whole = fuseVotes(votes, mode, LABELS);
    for (const values of [1, 20, 100, 179]) expect(fuseVotes(votes, mode, LABELS, values)).toEqual(whole);
  }
});

test('slabs are as thick as the limit allows, and at least one plane', () => {
  // The case that no array holds: 512 x 512 x 600 of 105 classes in planes of 307,200 voxels.
  expect(slabPlanes([512, 512, 600], [{ shape: [273, 273, 400] }], 105, 2 ** 30)).toBe(33);
  // A finer grid of the network counts.
  expect(slabPlanes([100, 100, 100], [{ shape: [200, 100, 100] }], 10, 10_000_000)).toBe(50);
  expect(slabPlanes([100, 100, 100], [], 3, 5)).toBe(1);
  expect(slabPlanes([100, 100, 100], [], 3, 2 ** 30)).toBe(100);
});
