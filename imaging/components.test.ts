import fc from 'fast-check';
import { expect, test } from 'vitest';
import { boxesOfValues, connectedComponents, keepLargestComponents } from './components.ts';
import type { Vec3 } from './volume.ts';
import { voxelCount } from './volume.ts';

const masks = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }))
  .chain((shape) =>
    fc
      .array(fc.nat(6), { minLength: voxelCount(shape), maxLength: voxelCount(shape) })
      .map((draws) => ({ shape, mask: Uint8Array.from(draws, (draw) => (draw === 0 ? 1 : 0)) })),
  );

function positionOf(index: number, [, sizeY, sizeZ]: Vec3): Vec3 {
  const row = Math.floor(index / sizeZ);
  return [Math.floor(row / sizeY), row % sizeY, index % sizeZ];
}

/** Every pair of touching voxels joined until nothing changes. */
function bruteForce(mask: Uint8Array, shape: Vec3): number[] {
  const names = [...mask].map((inside, i) => (inside === 0 ? -1 : i));
  for (let changed = true; changed; ) {
    changed = false;
    for (let a = 0; a < names.length; a++) {
      for (let b = 0; b < names.length; b++) {
        if (names[a] === -1 || names[b] === -1 || (names[a] as number) <= (names[b] as number)) continue;
        const from = positionOf(a, shape);
        const to = positionOf(b, shape);
        if (from.every((x, axis) => Math.abs(x - (to[axis] as number)) <= 1)) {
          names[a] = names[b] as number;
          changed = true;
        }
      }
    }
  }
  return names;
}

test('components are those of brute force, with their sizes and boxes', () => {
  fc.assert(
    fc.property(masks, ({ mask, shape }) => {
      const expected = bruteForce(mask, shape);
      const roots = [...new Set(expected)].filter((name) => name !== -1).sort((a, b) => a - b);
      const { labels, sizes, boxes } = connectedComponents(mask, shape);
      expect([...labels]).toEqual(expected.map((name) => roots.indexOf(name) + 1));
      for (const [i, root] of roots.entries()) {
        const voxels = expected.flatMap((name, index) => (name === root ? [positionOf(index, shape)] : []));
        const along = (axis: 0 | 1 | 2): number[] => voxels.map((voxel) => voxel[axis]);
        expect(sizes[i]).toBe(voxels.length);
        expect(boxes[i]).toEqual({
          start: [Math.min(...along(0)), Math.min(...along(1)), Math.min(...along(2))],
          end: [Math.max(...along(0)) + 1, Math.max(...along(1)) + 1, Math.max(...along(2)) + 1],
        });
      }
    }),
    { numRuns: 60 },
  );
});

test('keepLargestComponents removes the smaller components of the named values only', () => {
  const labels = Uint16Array.from([2, 2, 0, 2, 0, 1, 0, 2, 1]);
  keepLargestComponents(labels, [1, 1, 9], [2]);
  expect([...labels]).toEqual([2, 2, 0, 0, 0, 1, 0, 0, 1]);
});

test('keepLargestComponents keeps one component, and of equals the first', () => {
  const labels = Uint8Array.from([0, 3, 0, 3, 0]);
  keepLargestComponents(labels, [1, 5, 1], [3]);
  expect([...labels]).toEqual([0, 3, 0, 0, 0]);
  keepLargestComponents(labels, [1, 5, 1], [9]);
  expect([...labels]).toEqual([0, 3, 0, 0, 0]);
});

test('a large snake is filled without recursion', () => {
  const shape: Vec3 = [1, 301, 301];
  const mask = new Uint8Array(301 * 301);
  for (let y = 0; y < 301; y++)
    for (let z = 0; z < 301; z++) if (y % 2 === 0 || z === (y % 4 === 1 ? 300 : 0)) mask[y * 301 + z] = 1;
  expect(connectedComponents(mask, shape).sizes).toHaveLength(1);
});

test('boxes of all values come from one pass: each is the smallest that holds its value, absent ones are left out', () => {
  const cases = masks.chain(({ shape }) =>
    fc
      .array(fc.constantFrom(0, 1, 2, 300), { minLength: voxelCount(shape), maxLength: voxelCount(shape) })
      .map((values) => ({ shape, labels: Uint16Array.from(values) })),
  );
  fc.assert(
    fc.property(cases, ({ shape, labels }) => {
      const boxes = boxesOfValues(labels, shape, [1, 2, 7, 300]);
      for (const value of [1, 2, 7, 300]) {
        const places = [...labels.keys()].filter((i) => labels[i] === value).map((i) => positionOf(i, shape));
        const ends = (pick: typeof Math.min, more: number) =>
          [0, 1, 2].map((axis) => pick(...places.map((place) => place[axis] as number)) + more);
        const expected = places.length === 0 ? undefined : { start: ends(Math.min, 0), end: ends(Math.max, 1) };
        expect(boxes.get(value)).toEqual(expected);
      }
    }),
  );
});
