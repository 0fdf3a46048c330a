import type { Volume } from '@voxhelm/imaging/volume';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadEnsemble } from './ensemble-predictor.ts';
import type { LoadedModel } from './fuse-models.ts';
import { imageGroups } from './image-groups.ts';
import { randomWeights, tinyPlan } from './testing.ts';

const AFFINE = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

/** An image of so many windows of 32 x 32 x 32 without overlap. */
function imageOf(windows: number, seed = 0): Volume {
  const shape = [32 * windows, 32, 32] as const;
  const data = Float32Array.from({ length: 32 ** 3 * windows }, (_, i) => 1 + ((i * 7919 + seed * 31) % 101));
  return { shape, channels: 1, data, affine: AFFINE };
}

function planOf(windowBatchSize: number) {
  const plan = tinyPlan();
  return { ...plan, inference: { ...plan.inference, overlap: 0, windowBatchSize } };
}

/** Of a model only its plan is looked at. */
function modelOf(windowBatchSize: number): LoadedModel {
  return { plan: planOf(windowBatchSize), predictor: null as never };
}

async function groupsOf(windows: readonly number[], models: readonly LoadedModel[]): Promise<number[][]> {
  const groups: number[][] = [];
  for await (const group of imageGroups(windows, async (count) => imageOf(count), models)) {
    groups.push(group.map(({ item }) => item));
  }
  return groups;
}

describe('image groups', () => {
  test('keep the order, and hold no image that the batches of every model did not need', async () => {
    const windows = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 6 });
    const batches = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(windows, batches, async (counts, sizes) => {
        const groups = await groupsOf(counts, sizes.map(modelOf));
        expect(groups.flat()).toEqual(counts);
        const largest = Math.max(...sizes);
        for (const [index, group] of groups.entries()) {
          const filled = (list: readonly number[]) => list.reduce((sum, count) => sum + count, 0) >= largest;
          expect(filled(group.slice(0, -1))).toBe(false);
          if (index < groups.length - 1) expect(filled(group)).toBe(true);
        }
      }),
      { numRuns: 15 },
    );
  });

  test('predict the same as each image alone, in batches that are full', async () => {
    const plan = planOf(2);
    const ensemble = loadEnsemble(
      [{ plan, weights: randomWeights(plan, 1) }],
      { mode: 'mean', flips: [[0]], largestComponent: [] },
      plan.labels,
    );
    try {
      const alone = [await ensemble.predict(imageOf(1, 1)), await ensemble.predict(imageOf(1, 2))];
      const together: number[] = [];
      for await (const { item, prediction } of ensemble.predictEach([1, 2], async (seed) => imageOf(1, seed))) {
        expect(prediction.labels).toEqual(alone[together.length]);
        together.push(item);
      }
      expect(together).toEqual([1, 2]);
      expect(alone[0]?.data).not.toEqual(alone[1]?.data);
    } finally {
      ensemble.dispose();
    }
  });

  test('an image that fails within a group is left out alone', async () => {
    const plan = planOf(3);
    const ensemble = loadEnsemble(
      [{ plan, weights: randomWeights(plan, 1) }],
      { mode: 'mean', flips: [], largestComponent: [] },
      plan.labels,
    );
    const { predictor } = ensemble.models[0] as LoadedModel;
    const { predict } = predictor;
    // The engine itself fails wherever the second image takes part.
    predictor.predict = async (images, ...others) => {
      if (images.some(({ shape }) => shape[0] === 64)) throw new Error('out of memory');
      return await predict(images, ...others);
    };
    const failed: number[] = [];
    const done: number[] = [];
    try {
      const read = async (windows: number) => imageOf(windows);
      const onFailure = (windows: number) => failed.push(windows);
      for await (const { item } of ensemble.predictEach([1, 2, 1], read, onFailure)) done.push(item);
    } finally {
      ensemble.dispose();
    }
    expect({ done, failed }).toEqual({ done: [1, 1], failed: [2] });
  });
});
