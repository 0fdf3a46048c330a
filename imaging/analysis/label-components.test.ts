import fc from 'fast-check';
import { expect, test } from 'vitest';
import { connectedComponents } from '../components.ts';
import type { Vec3 } from '../volume.ts';
import { labelComponents } from './label-components.ts';

test('runs find the same components as flood filling each label by itself', () => {
  const maps = fc
    .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 9 }))
    .chain((shape) => {
      const voxels = shape[0] * shape[1] * shape[2];
      return fc.record({
        shape: fc.constant(shape as Vec3),
        values: fc.array(fc.nat(3), { minLength: voxels, maxLength: voxels }),
      });
    });
  fc.assert(
    fc.property(maps, fc.boolean(), ({ shape, values }, sparse) => {
      const labels = Uint8Array.from(values, (value) => (sparse && value < 3 ? 0 : value));
      const found = labelComponents(labels, shape);
      for (const value of new Set(labels)) {
        const { sizes, boxes } = connectedComponents(
          labels.map((one) => (one === value ? 1 : 0)),
          shape,
        );
        const own = found.filter((component) => component.value === value);
        expect(own.map((component) => component.size)).toEqual(sizes);
        expect(own.map((component) => component.box)).toEqual(
          boxes.map(({ start, end }) => end.map((last, axis) => last - (start[axis] ?? 0))),
        );
      }
      expect(found.reduce((sum, component) => sum + component.size, 0)).toBe(labels.length);
    }),
    { seed: 7, numRuns: 500 },
  );
});
