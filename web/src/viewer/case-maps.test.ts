import { encodeProbabilities } from '@voxhelm/ensembler/probabilities';
import { expect, test } from 'vitest';
import { disagreementOf, entropyOf, readProbabilities } from './case-maps.ts';

test('disagreement tells added, missed and confused voxels apart', () => {
  expect([...disagreementOf([0, 1, 0, 1, 2], [0, 1, 2, 0, 1])]).toEqual([0, 0, 2, 1, 3]);
});

test('what the ensembler stores is read back; entropy is 0 where sure and 1 where all classes are alike', () => {
  const stored = encodeProbabilities(Float32Array.from([1, 0.5, 0, 0.5]), 2, [1, 1, 2]);
  const { classes, shape, data } = readProbabilities(stored);
  expect({ classes, shape }).toEqual({ classes: 2, shape: [1, 1, 2] });
  const entropy = entropyOf(data, classes);
  expect(entropy[0]).toBe(0);
  expect(entropy[1]).toBeCloseTo(1, 2);
});
