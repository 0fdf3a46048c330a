import { expect, test } from 'vitest';
import { describePlace } from './place.ts';

test('the place under the crosshair reads in mm, classes by name, uncertainty as a share whoever stored it', () => {
  const names = { 0: 'background', 1: 'head' };
  const values = [
    { name: 'Image', kind: 'image', value: 305.25 },
    { name: 'Truth', kind: 'labels', value: 1 },
    { name: 'Prediction', kind: 'labels', value: 0 },
    { name: 'Disagreement', kind: 'disagreement', value: 2 },
    { name: 'Uncertainty', kind: 'heat', value: 153, highest: 255 },
  ] as const;
  expect(describePlace([12, -3.52, 40], values, names)).toBe(
    'x 12.0, y -3.5, z 40.0 mm · image 305.3 · truth head · prediction background · disagreement missed · uncertainty 0.60',
  );
  expect(describePlace([0, 0, 0], [{ name: 'u', kind: 'heat', value: 0.6 }], names)).toContain('u 0.60');
  expect(describePlace([0, 0, 0], [{ name: 'l', kind: 'labels', value: 7 }], names)).toContain('l 7');
});
