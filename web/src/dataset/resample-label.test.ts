import type { LabelMap } from '@voxhelm/imaging/volume';
import { expect, test } from 'vitest';
import { resampleLabel } from './resample-label.ts';

const label: LabelMap = {
  shape: [2, 2, 2],
  affine: [2, 0, 0, 10, 0, 2, 0, 20, 0, 0, 2, 30, 0, 0, 0, 1],
  data: new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]),
};

test('a label on its own grid stays as it is', () => {
  expect(resampleLabel(label, label)).toEqual(label);
});

test('a finer grid repeats voxels, a mirrored one turns them round, outside is background', () => {
  const fine = resampleLabel(label, { shape: [4, 2, 2], affine: [1, 0, 0, 9.5, 0, 2, 0, 20, 0, 0, 2, 30, 0, 0, 0, 1] });
  expect([...fine.data]).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 5, 6, 7, 8]);
  const mirrored = resampleLabel(label, {
    shape: [2, 2, 2],
    affine: [-2, 0, 0, 12, 0, 2, 0, 20, 0, 0, 2, 30, 0, 0, 0, 1],
  });
  expect([...mirrored.data]).toEqual([5, 6, 7, 8, 1, 2, 3, 4]);
  const beside = resampleLabel(label, {
    shape: [1, 1, 1],
    affine: [2, 0, 0, 100, 0, 2, 0, 20, 0, 0, 2, 30, 0, 0, 0, 1],
  });
  expect([...beside.data]).toEqual([0]);
});
