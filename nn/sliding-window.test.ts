import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  fillBatches,
  padToWindow,
  slidingWindows,
  type Triple,
  type WindowedImage,
  windowPositions,
  windowStarts,
} from './sliding-window.ts';

const side = fc.integer({ min: 1, max: 9 });
const triple = fc.tuple(side, side, side);
const overlap = fc.constantFrom(0, 0.25, 0.5, 0.625, 0.9);

function imageOf(shape: Triple, channels = 1): WindowedImage {
  const data = Float32Array.from({ length: channels * shape[0] * shape[1] * shape[2] }, (_, i) => Math.sin(i + 1));
  return { data, channels, shape };
}

/** Two classes: the voxel's own value, and its negative. */
async function ownValue(windows: Float32Array): Promise<Float32Array> {
  return Float32Array.from(
    { length: 2 * windows.length },
    (_, i) => (windows[i >> 1] as number) * (i % 2 === 0 ? 1 : -1),
  );
}

test('windows cover every voxel, reach over no border, and none lies twice at the same place', () => {
  fc.assert(
    fc.property(side, side, overlap, (length, window, share) => {
      const starts = windowStarts(Math.max(length, window), window, share);
      const covered = new Set(starts.flatMap((start) => Array.from({ length: window }, (_, i) => start + i)));
      expect(covered.size).toBe(Math.max(length, window));
      expect(Math.max(...covered)).toBeLessThan(Math.max(length, window));
      expect(new Set(starts).size).toBe(starts.length);
    }),
  );
});

test('images of any shapes together come out as each alone, and what a voxel-wise function gives is blended to itself', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(triple, { minLength: 1, maxLength: 4 }),
      triple,
      overlap,
      fc.integer({ min: 1, max: 7 }),
      async (shapes, windowSize, share, batch) => {
        const options = { windowSize, overlap: share, mode: 'gaussian', sigmaScale: 0.125, batch } as const;
        const images = shapes.map((shape) => imageOf(shape));
        const together = await slidingWindows(images, 2, options, ownValue);
        for (const [i, image] of images.entries()) {
          const [alone] = await slidingWindows([image], 2, options, ownValue);
          expect(together[i]).toEqual(alone);
          image.data.forEach((value, at) => expect(together[i]?.[at]).toBeCloseTo(value, 5));
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('batches are filled across images: only the last one is not full, and no window is computed twice', async () => {
  const shapes: Triple[] = [
    [5, 6, 7],
    [3, 3, 3],
    [9, 4, 4],
  ];
  const windowSize: Triple = [4, 4, 4];
  const counts: number[] = [];
  const options = { windowSize, overlap: 0.5, mode: 'constant', sigmaScale: 0.125, batch: 4 } as const;
  await slidingWindows(
    shapes.map((shape) => imageOf(shape)),
    2,
    options,
    (windows, count) => {
      counts.push(count);
      return ownValue(windows);
    },
  );
  const windows = shapes.map((shape) => windowPositions(padToWindow(shape, windowSize).shape, windowSize, 0.5).length);
  expect(counts.reduce((sum, count) => sum + count)).toBe(windows.reduce((sum, count) => sum + count));
  expect(counts.slice(0, -1).every((count) => count === 4)).toBe(true);
});

test('groups hold all items in order and are as small as fill a batch', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 })), fc.integer({ min: 1, max: 16 }), (windows, batch) => {
      const groups = fillBatches(windows, (count) => count, batch);
      expect(groups.flat()).toEqual(windows);
      for (const group of groups.slice(0, -1)) expect(group.reduce((sum, n) => sum + n)).toBeGreaterThanOrEqual(batch);
      for (const group of groups) expect(group.slice(0, -1).reduce((sum, n) => sum + n, 0)).toBeLessThan(batch);
    }),
  );
});
