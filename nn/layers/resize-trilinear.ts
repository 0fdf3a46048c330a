import { type Tensor, type Tensor5D, tf } from '../engine.ts';
import type { Triple } from './conv.ts';

/*
 * Trilinear resizing by PyTorch's rules, axis by axis as products with small matrices: linear interpolation is separable,
 * a product has fast kernels on every backend, and its gradient is the product with the transposed matrix.
 */

/** Rounded as PyTorch computes: in float32, where a place deep in an axis keeps fewer digits of its fraction. */
const float = Math.fround;

/** Where voxel `i` of `to` lies among `from` voxels. */
function placeOf(i: number, from: number, to: number, alignCorners: boolean): number {
  if (alignCorners) return to > 1 ? float(i * float((from - 1) / (to - 1))) : 0;
  return Math.max(0, float(float(float(from / to) * float(i + 0.5)) - 0.5));
}

/**
 * The matrix [to, from] that interpolates an axis linearly. With `alignCorners` the first and last voxels lie on each
 * other: place i * (from - 1) / (to - 1); without, voxels fill the axis: place (i + 0.5) * from / to - 0.5, cut at 0.
 */
export function linearWeights(from: number, to: number, alignCorners: boolean): Float32Array {
  const weights = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    const place = placeOf(i, from, to, alignCorners);
    const low = Math.min(Math.floor(place), from - 1);
    const high = Math.min(low + 1, from - 1);
    const share = float(place - low);
    weights[i * from + low]! += float(1 - share);
    weights[i * from + high]! += share;
  }
  return weights;
}

/** One axis (1, 2 or 3) of [batch, x, y, z, channel] interpolated to `to` voxels. */
function resizeAxis(x: Tensor, axis: number, to: number, alignCorners: boolean): Tensor {
  const from = x.shape[axis] as number;
  if (from === to) return x;
  const weights = tf.tensor2d(linearWeights(from, to, alignCorners), [to, from]);
  const outer = x.shape.slice(0, axis);
  const inner = x.shape.slice(axis + 1);
  const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
  const rows = tf.reshape(x, [product(outer), from, product(inner)]);
  return tf.reshape(tf.matMul(weights, rows), [...outer, to, ...inner]);
}

/** `x`, [batch, x, y, z, channel], on a grid of `size` voxels, as PyTorch's trilinear `interpolate`. */
export function resizeTrilinear(x: Tensor5D, size: Triple, alignCorners: boolean): Tensor5D {
  // From the outermost axis in: the first products are then the largest, the others many.
  return size.reduce((current: Tensor, to, axis) => resizeAxis(current, axis + 1, to, alignCorners), x) as Tensor5D;
}
