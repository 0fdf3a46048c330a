import { type Tensor, type Tensor5D, tf } from '../engine.ts';
import { kernelOf, type Triple } from './conv.ts';

/*
 * Transposed 3-D convolution with a gradient, which tfjs lacks. It is the gradient of a strided convolution by its input, so
 * its own gradients are that convolution and that convolution's filter gradient.
 */

type Conv3dShape = [number, number, number, number, number];

function inputGradient(dy: Tensor5D, filter: Tensor5D, stride: Triple, inputShape: Conv3dShape): Tensor5D {
  return tf
    .engine()
    .runKernel('Conv3DBackpropInputV2', { dy, filter }, { pad: 'valid', strides: [...stride], inputShape }) as Tensor5D;
}

function filterGradient(x: Tensor5D, dy: Tensor5D, stride: Triple, filterShape: readonly number[]): Tensor {
  return tf
    .engine()
    .runKernel(
      'Conv3DBackpropFilterV2',
      { x, dy },
      { pad: 'valid', strides: [...stride], filterShape: [...filterShape] },
    ) as Tensor;
}

/**
 * PyTorch's ConvTranspose3d with such padding and output padding that each axis grows by exactly its stride: padding
 * floor((k-1)/2) for overlapping kernels (kernel 3 at stride 2, kernel 1 at stride 1), 0 where kernel and stride are equal.
 * Without bias. `x`: [batch, x, y, z, in]; `filter`: [kx, ky, kz, out, in]; result: [batch, sx*x, sy*y, sz*z, out].
 */
export function convTranspose(x: Tensor5D, filter: Tensor, stride: Triple): Tensor5D {
  const kernel = kernelOf(filter);
  const before = kernel.map((size, axis) =>
    size === stride[axis] ? 0 : Math.floor((size - 1) / 2),
  ) as unknown as Triple;
  const size = stride.map((step, axis) => step * (x.shape[axis + 1] as number)) as unknown as Triple;
  const out = filter.shape[3] as number;
  // The convolution whose gradient this is sees the output with its padding before and what its last window reads after.
  const padded = size.map((length, axis) => {
    const last = ((x.shape[axis + 1] as number) - 1) * (stride[axis] as number) + (kernel[axis] as number);
    return Math.max(length + (before[axis] as number), last);
  }) as unknown as Triple;
  const whole = padded.every((length, axis) => length === size[axis]);
  const pads = padded.map((length, axis): [number, number] => {
    const first = before[axis] as number;
    return [first, length - first - (size[axis] as number)];
  });
  const op = tf.customGrad((...inputs) => {
    const [input, weights, save] = inputs as unknown as [Tensor5D, Tensor5D, (tensors: Tensor[]) => void];
    save([input, weights]);
    const full = inputGradient(input, weights, stride, [input.shape[0], ...padded, out]);
    const value = whole ? full : tf.slice(full, [0, ...before, 0], [input.shape[0], ...size, out]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const [savedInput, savedWeights] = saved as [Tensor5D, Tensor5D];
      const dyPadded = whole ? (dy as Tensor5D) : tf.pad(dy as Tensor5D, [[0, 0], ...pads, [0, 0]]);
      const dx = tf.conv3d(dyPadded, savedWeights, [...stride] as [number, number, number], 'valid');
      return [dx, filterGradient(dyPadded, savedInput, stride, savedWeights.shape)];
    };
    return { value, gradFunc };
  });
  return op(x, filter) as Tensor5D;
}
