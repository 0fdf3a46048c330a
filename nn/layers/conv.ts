import { type Tensor, type Tensor5D, tf } from '../engine.ts';

/*
 * 3-D convolution with PyTorch's padding. Tensors are [batch, x, y, z, channel], filters [kx, ky, kz, in, out].
 */

/** Three numbers, one per axis x, y, z. */
export type Triple = readonly [number, number, number];

/** Kernel size per axis of a filter in tfjs layout. */
export function kernelOf(filter: Tensor): Triple {
  return [filter.shape[0] as number, filter.shape[1] as number, filter.shape[2] as number];
}

/**
 * Pads each axis by floor(kernel / 2) before and by what the last window needs after. TensorFlow's own 'same' at stride 2 pads
 * after instead of before and gives other numbers than PyTorch (automl.md, section 0).
 */
export function padForStride(x: Tensor5D, kernel: Triple, stride: Triple): Tensor5D {
  const pads = kernel.map((size, axis): [number, number] => {
    const length = x.shape[axis + 1] as number;
    const before = Math.floor(size / 2);
    const last = Math.floor((length + 2 * before - size) / (stride[axis] as number)) * (stride[axis] as number);
    return [before, Math.max(0, last + size - before - length)];
  });
  if (pads.every(([before, after]) => before === 0 && after === 0)) return x;
  return tf.pad(x, [[0, 0], ...pads, [0, 0]]);
}

/**
 * Convolution as PyTorch's Conv3d with padding floor(kernel / 2), odd kernels, without bias.
 * `x`: [batch, x, y, z, in]; `filter`: [kx, ky, kz, in, out]; result: [batch, x', y', z', out].
 */
export function conv(x: Tensor5D, filter: Tensor, stride: Triple = [1, 1, 1]): Tensor5D {
  const weights = filter as Tensor5D;
  const kernel = kernelOf(filter);
  // Where 'same' pads an x axis shorter than the kernel, oneDNN's bfloat16 filter gradient reads memory that nobody wrote.
  const short = (x.shape[1] as number) < kernel[0];
  if (!short && stride.every((step) => step === 1)) return tf.conv3d(x, weights, 1, 'same');
  return tf.conv3d(padForStride(x, kernel, stride), weights, [...stride] as [number, number, number], 'valid');
}

/** A 1x1x1 convolution with a bias: the head of a network. */
export function pointwiseConv(x: Tensor5D, filter: Tensor, bias: Tensor): Tensor5D {
  return tf.add(tf.conv3d(x, filter as Tensor5D, 1, 'valid'), bias);
}
