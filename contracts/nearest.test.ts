import { expect, test } from 'vitest';
import { nearest } from './nearest.ts';

test('a slip finds the word that was meant, whatever its case; another word finds none', () => {
  expect(nearest('segresnt', ['dints', 'segresnet'])).toBe('segresnet');
  expect(nearest('learningrate', ['weightDecay', 'learningRate'])).toBe('learningRate');
  // A third of its letters: three of nine are a slip, four are another word.
  expect(nearest('segresxyz', ['segresnet'])).toBe('segresnet');
  expect(nearest('segrewxyz', ['segresnet'])).toBeUndefined();
  expect(nearest('unet', [])).toBeUndefined();
});

test('of several as near the first one is meant', () => {
  expect(nearest('unt', ['unet', 'unit'])).toBe('unet');
});
