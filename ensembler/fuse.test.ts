import type { FusionMode } from '@voxhelm/contracts/ensemble';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addToFusion, fusedLabels, fusionEntropy, startFusion } from './fuse.ts';

/** Probabilities per voxel, [voxel][class], turned to [class][voxel]. */
function layout(voxels: readonly (readonly number[])[]): Float32Array {
  const classes = voxels[0]!.length;
  return Float32Array.from({ length: classes * voxels.length }, (_, index) => {
    return voxels[index % voxels.length]![Math.floor(index / voxels.length)]!;
  });
}

function fuse(
  mode: FusionMode,
  members: readonly (readonly (readonly number[])[])[],
  labels: readonly number[],
): number[] {
  const fusion = startFusion(mode, labels.length, members[0]!.length);
  for (const member of members) addToFusion(fusion, layout(member));
  return [...fusedLabels(fusion, labels)];
}

describe('fusion', () => {
  test('mean follows a sure member, vote follows the many', () => {
    const members = [[[0.01, 0.99]], [[0.6, 0.4]], [[0.6, 0.4]]];
    expect(fuse('mean', members, [0, 7])).toEqual([7]);
    expect(fuse('vote', members, [0, 7])).toEqual([0]);
  });

  test('ties go to the lowest label', () => {
    expect(fuse('vote', [[[0.1, 0.2, 0.7]], [[0.1, 0.8, 0.1]]], [0, 1, 2])).toEqual([1]);
    expect(fuse('mean', [[[0.2, 0.4, 0.4]]], [0, 1, 2])).toEqual([1]);
    expect(fuse('mean', [[[0.5, 0.5]]], [0, 1])).toEqual([0]);
  });

  test('label values beyond a byte are kept', () => {
    expect(fuse('mean', [[[0.1, 0.9]]], [0, 1000])).toEqual([1000]);
  });

  test('a member of another grid is refused', () => {
    const fusion = startFusion('mean', 2, 4);
    expect(() => addToFusion(fusion, new Float32Array(6))).toThrow(/2 classes x 4 voxels/);
  });

  const voxel = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 3, maxLength: 3 });
  const membersOf = (voxels: number) =>
    fc.array(fc.array(voxel, { minLength: voxels, maxLength: voxels }), { minLength: 1, maxLength: 5 });

  test.each(['mean', 'vote'] as const)('%s agrees with its definition, voxel by voxel', (mode) => {
    fc.assert(
      fc.property(membersOf(4), (members) => {
        const fused = fuse(mode, members, [0, 3, 9]);
        fused.forEach((label, at) => {
          const totals = [0, 1, 2].map((index) =>
            members.reduce((sum, member) => {
              const values = member[at]!;
              return sum + (mode === 'mean' ? values[index]! : Number(values.indexOf(Math.max(...values)) === index));
            }, 0),
          );
          expect(label).toBe([0, 3, 9][totals.indexOf(Math.max(...totals))]);
        });
      }),
    );
  });

  test('bytes and fractions of the same scale fuse alike', () => {
    fc.assert(
      fc.property(membersOf(3), (members) => {
        const bytes = startFusion('mean', 3, 3);
        for (const member of members) addToFusion(bytes, Uint8Array.from(layout(member)));
        expect([...fusedLabels(bytes, [0, 1, 2])]).toEqual(fuse('mean', members, [0, 1, 2]));
      }),
    );
  });
});

test('entropy is 0 where all members are sure of one class, 1 where every class is as probable', () => {
  const fusion = startFusion('mean', 2, 3);
  addToFusion(fusion, Float32Array.from([1, 0.5, 0.9, 0, 0.5, 0.1]));
  addToFusion(fusion, Float32Array.from([1, 0.5, 0.1, 0, 0.5, 0.9]));
  expect([...fusionEntropy(fusion)].map((value) => Number(value.toFixed(4)))).toEqual([0, 1, 1]);
});
