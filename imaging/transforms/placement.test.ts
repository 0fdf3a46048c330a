import { Augmentation } from '@voxhelm/contracts/plan';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { mirroredAxes } from './placement.ts';

test('a model may be mirrored along the axes that its training mirrored one by one, however they were written', () => {
  const axesOf = (...list: object[]) => mirroredAxes(z.array(Augmentation).parse(list)).toSorted((a, b) => a - b);
  expect(axesOf({ name: 'RandFlipd', spatial_axis: -1 }, { name: 'RandFlipd', spatial_axis: [0] })).toEqual([0, 2]);
  expect(axesOf({ name: 'flip', probability: 0.5, axes: [1] }, { name: 'RandFlipd', spatial_axis: 1 })).toEqual([1]);
  expect(axesOf({ name: 'RandFlipd' }, { name: 'RandFlipd', spatial_axis: [0, 1] })).toEqual([]);
  expect(axesOf({ name: 'RandFlipd', prob: 0, spatial_axis: 0 })).toEqual([]);
});
