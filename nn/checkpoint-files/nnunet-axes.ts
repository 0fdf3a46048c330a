import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { StoredTensor } from '../weights.ts';
import type { Value } from './pickle-machine.ts';

/*
 * The axes of nnU-Net's own checkpoints. It reads an image x, y, z as an array z, y, x, and puts that array's axes in the order
 * of its plan's `transpose_forward` (the coarsest spacing first) before a network sees them. Voxhelm's axes are x, y, z.
 */

/** Which of x, y, z (0, 1, 2) each axis of a network is. */
export type NetworkAxes = readonly [number, number, number];

const ARRAY_ORDER = [0, 1, 2];

function inside(value: Value | undefined, ...keys: string[]): Value | undefined {
  return keys.reduce<Value | undefined>((at, key) => (at instanceof Map ? at.get(key) : undefined), value);
}

/**
 * The axes of the network whose weights a checkpoint holds; null where nnU-Net did not write it. Throws `bad-checkpoint` where
 * its plan's `transpose_forward` is no order of three axes.
 */
export function nnunetAxes(checkpoint: Value): NetworkAxes | null {
  if (!(inside(checkpoint, 'network_weights') instanceof Map)) return null;
  const order = inside(checkpoint, 'init_args', 'plans', 'transpose_forward') ?? ARRAY_ORDER;
  if (!Array.isArray(order) || order.length !== 3 || !ARRAY_ORDER.every((axis) => order.includes(axis))) {
    throw new VoxhelmError('bad-checkpoint', 'the transpose_forward of the nnU-Net plan is no order of 0, 1 and 2', {
      fix: 'Save the checkpoint again with nnU-Net v2.',
    });
  }
  return (order as number[]).map((axis) => 2 - axis) as unknown as NetworkAxes;
}

/** Kernels [a, b, k, k, k] of a network with these axes, turned to x, y, z; every other tensor as it is. */
export function toVoxhelmAxes(tensor: StoredTensor, axes: NetworkAxes): StoredTensor {
  const { shape, data } = tensor;
  if (shape.length !== 5) return tensor;
  const [outer = 1, inner = 1, ...kernel] = shape;
  const strides = [(kernel[1] ?? 1) * (kernel[2] ?? 1), kernel[2] ?? 1, 1];
  const from = [0, 1, 2].map((axis) => axes.indexOf(axis));
  const [nx, ny, nz] = from.map((axis) => kernel[axis] ?? 1) as [number, number, number];
  const [sx, sy, sz] = from.map((axis) => strides[axis] ?? 1) as [number, number, number];
  const turned = data.slice();
  let at = 0;
  for (let start = 0; start < outer * inner * nx * ny * nz; start += nx * ny * nz)
    for (let x = 0; x < nx; x++)
      for (let y = 0; y < ny; y++)
        for (let z = 0; z < nz; z++) turned[at++] = data[start + x * sx + y * sy + z * sz] as number;
  return { ...tensor, shape: [outer, inner, nx, ny, nz], data: turned };
}

/** The axes for people: "z, y, x". */
export function axesTold(axes: NetworkAxes): string {
  return axes.map((axis) => 'xyz'[axis]).join(', ');
}
