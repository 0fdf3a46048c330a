import fc from 'fast-check';
import { expect, test } from 'vitest';
import { groupProbabilities } from './group-probabilities.ts';

/** What nnU-Net writes: group by group where its probability is above a half, the later over the earlier. */
function written(logits: readonly number[]): number {
  return logits.reduce((label, logit, group) => (logit > 0 ? group + 1 : label), 0);
}

test('the likeliest label is the one that writing group by group gives; each voxel is of something', () => {
  const voxel = fc.array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(voxel, { minLength: 1, maxLength: 6 }), (voxels) => {
      const logits = Float32Array.from([0, 1, 2].flatMap((group) => voxels.map((one) => one[group] as number)));
      const probabilities = groupProbabilities(logits, [1, 2, 3], 0);
      voxels.forEach((_, v) => {
        const own = [0, 1, 2, 3].map((c) => probabilities[c * voxels.length + v] as number);
        expect(own.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
        const stored = [0, 1, 2].map((group) => logits[group * voxels.length + v] as number);
        expect(own[written(stored)]).toBeCloseTo(Math.max(...own), 6);
      });
    }),
    { seed: 3, numRuns: 200 },
  );
});

test('labels stand where the plan has them, whatever the order of the groups', () => {
  // Whole, then core: labels 4 and 2 at the indices 2 and 1, background last.
  const sure = groupProbabilities(Float32Array.from([9, 9, -9, -9, 9, -9]), [2, 1], 0);
  expect([0, 1, 2].map((v) => [0, 1, 2].map((c) => Math.round(sure[c * 3 + v] as number)))).toEqual([
    [0, 0, 1],
    [0, 1, 0],
    [1, 0, 0],
  ]);
});
