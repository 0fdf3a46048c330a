import { expect, test } from 'vitest';
import { compileSpace, hp } from './space.ts';
import { type DatasetFeatures, datasetDistance, warmPoints } from './warm-start.ts';

const mri: DatasetFeatures = { modalities: ['MRI'], classes: 2, cases: 30, spacingMm: [1, 1, 1], shape: [35, 50, 35] };
const parameters = compileSpace({ x: hp.uniform(0, 1) });
const study = (features: DatasetFeatures, ...values: number[]) => ({
  features,
  trials: values.map((x) => ({ point: { x }, value: 1 - Math.abs(x - 0.5) })),
});

test('the best possible points of similar datasets come first; other modalities, impossible points and repeats do not', () => {
  const close = study({ ...mri, cases: 40 }, 0.1, 0.5, 0.45, 7, 0.9);
  const further = study({ ...mri, spacingMm: [2, 2, 2] }, 0.5, 0.3);
  const ct = study({ ...mri, modalities: ['CT'] }, 0.77);
  expect(warmPoints(mri, [ct, further, close], parameters, 20)).toEqual([
    { x: 0.5 },
    { x: 0.45 },
    { x: 0.1 },
    { x: 0.3 },
  ]);
  expect(warmPoints(mri, [close], parameters, 8)).toHaveLength(2);
  expect(warmPoints(mri, [ct], parameters, 20)).toEqual([]);
});

test('a dataset is at distance 0 from itself, and the distance is symmetric', () => {
  const other = { ...mri, shape: [70, 60, 30], classes: 5 };
  expect(datasetDistance(mri, mri)).toBe(0);
  expect(datasetDistance(mri, other)).toBeCloseTo(datasetDistance(other, mri), 12);
});
