import * as tf from '@tensorflow/tfjs-core';

/*
 * 3-D convolution for the WebAssembly backend. Its own kernel is a plain loop (0.25 GFLOP/s measured); its 2-D convolution is
 * XNNPACK's (10 GFLOP/s). So a 3-D convolution is computed as a sum of 2-D ones, one for each plane of the filter.
 */

type Triple = readonly [number, number, number];

function tripleOf(value: number | readonly number[]): Triple {
  return typeof value === 'number' ? [value, value, value] : [value[0] ?? 1, value[1] ?? 1, value[2] ?? 1];
}

/**
 * `x`: [batch, x, y, z, in]; `filter`: [kx, ky, kz, in, out]. 'same' as TensorFlow pads at stride 1; result
 * [batch, x', y', z', out]. The caller disposes.
 */
export function convolve(
  x: tf.Tensor5D,
  filter: tf.Tensor5D,
  stride: number | readonly number[],
  pad: 'same' | 'valid',
): tf.Tensor5D {
  const [batch, , sizeY, sizeZ, into] = x.shape;
  const [kernelX, kernelY, kernelZ, , out] = filter.shape;
  const [stepX, stepY, stepZ] = tripleOf(stride);
  if (pad === 'same' && stepX * stepY * stepZ !== 1) throw new RangeError("'same' is told at stride 1 alone");
  return tf.tidy(() => {
    const before = pad === 'same' ? Math.floor((kernelX - 1) / 2) : 0;
    const after = pad === 'same' ? kernelX - 1 - before : 0;
    const padded =
      before + after === 0
        ? x
        : tf.pad(x, [
            [0, 0],
            [before, after],
            [0, 0],
            [0, 0],
            [0, 0],
          ]);
    const planes = Math.floor(((padded.shape[1] as number) - kernelX) / stepX) + 1;
    let sum: tf.Tensor | null = null;
    for (let plane = 0; plane < kernelX; plane += 1) {
      const rows =
        stepX === 1
          ? tf.slice(padded, [0, plane, 0, 0, 0], [batch, planes, sizeY, sizeZ, into])
          : tf.stridedSlice(
              padded,
              [0, plane, 0, 0, 0],
              [batch, plane + (planes - 1) * stepX + 1, sizeY, sizeZ, into],
              [1, stepX, 1, 1, 1],
            );
      const part = tf.conv2d(
        tf.reshape(rows, [batch * planes, sizeY, sizeZ, into]) as tf.Tensor4D,
        tf.reshape(tf.slice(filter, [plane, 0, 0, 0, 0], [1, kernelY, kernelZ, into, out]), [
          kernelY,
          kernelZ,
          into,
          out,
        ]) as tf.Tensor4D,
        [stepY, stepZ],
        pad,
      );
      sum = sum === null ? part : tf.add(sum, part);
    }
    const [, resultY, resultZ] = (sum as tf.Tensor4D).shape;
    return tf.reshape(sum as tf.Tensor, [batch, planes, resultY as number, resultZ as number, out]) as tf.Tensor5D;
  });
}

/** Each value of an axis (1, 2 or 3) followed by `step` - 1 zeros. */
function spread(x: tf.Tensor, axis: number, step: number): tf.Tensor {
  if (step === 1) return x;
  const size = x.shape[axis] as number;
  const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
  const [outer, inner] = [product(x.shape.slice(0, axis)), product(x.shape.slice(axis + 1))];
  const apart = tf.pad(tf.reshape(x, [outer, size, 1, inner]), [
    [0, 0],
    [0, 0],
    [0, step - 1],
    [0, 0],
  ]);
  return tf.reshape(apart, [...x.shape.slice(0, axis), size * step, ...x.shape.slice(axis + 1)]);
}

/** Kernel and stride alike: each voxel becomes a block of its own, a product with one matrix. */
function spreadBlocks(dy: tf.Tensor5D, filter: tf.Tensor5D): tf.Tensor5D {
  const [batch, x, y, z, into] = dy.shape;
  const [kernelX, kernelY, kernelZ, out] = filter.shape;
  const matrix = tf.reshape(filter, [kernelX * kernelY * kernelZ * out, into]);
  const blocks = tf.matMul(tf.reshape(dy, [batch * x * y * z, into]), matrix as tf.Tensor2D, false, true);
  const alongX = tf.transpose(tf.reshape(blocks, [batch * x, y * z, kernelX, kernelY * kernelZ * out]), [0, 2, 1, 3]);
  const alongY = tf.transpose(tf.reshape(alongX, [batch * x * kernelX * y, z, kernelY, kernelZ * out]), [0, 2, 1, 3]);
  return tf.reshape(alongY, [batch, x * kernelX, y * kernelY, z * kernelZ, out]) as tf.Tensor5D;
}

/**
 * The gradient of a 'valid' convolution by its input, which is the transposed convolution. `dy`: [batch, x, y, z, in];
 * `filter`: [kx, ky, kz, out, in]; `inputShape`: of the result, [batch, x', y', z', out]. Kernels are no smaller than strides.
 */
export function convolveTransposed(
  dy: tf.Tensor5D,
  filter: tf.Tensor5D,
  stride: number | readonly number[],
  inputShape: readonly number[],
): tf.Tensor5D {
  const steps = tripleOf(stride);
  const kernel: Triple = [filter.shape[0], filter.shape[1], filter.shape[2]];
  return tf.tidy(() => {
    const fits = kernel.every(
      (size, axis) => size === steps[axis] && inputShape[axis + 1] === size * (dy.shape[axis + 1] as number),
    );
    if (fits) return spreadBlocks(dy, filter);
    const apart = steps.reduce((x: tf.Tensor, step, axis) => spread(x, axis + 1, step), dy);
    const pads = kernel.map((size, axis): [number, number] => [
      size - 1,
      (inputShape[axis + 1] as number) - (apart.shape[axis + 1] as number),
    ]);
    const turned = tf.transpose(tf.reverse(filter, [0, 1, 2]), [0, 1, 2, 4, 3]) as tf.Tensor5D;
    return convolve(tf.pad(apart, [[0, 0], ...pads, [0, 0]]) as tf.Tensor5D, turned, 1, 'valid');
  });
}

interface KernelCall {
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>;
  readonly attrs: Readonly<Record<string, unknown>>;
}

/** A kernel's input as a tensor that ops take; the values stay where they are. */
function tensorOf(info: tf.TensorInfo | undefined): tf.Tensor5D {
  if (info === undefined) throw new RangeError('a convolution lacks an input');
  return info as tf.Tensor5D;
}

/** Puts these convolutions in the place of the WebAssembly backend's own. */
export function registerWasmConvolutions(): void {
  const put = (kernelName: string, compute: (call: KernelCall) => tf.Tensor5D): void => {
    tf.unregisterKernel(kernelName, 'wasm');
    tf.registerKernel({
      kernelName,
      backendName: 'wasm',
      kernelFunc: (call) => compute(call as unknown as KernelCall),
    });
  };
  put('Conv3D', ({ inputs, attrs }) =>
    convolve(
      tensorOf(inputs['x']),
      tensorOf(inputs['filter']),
      attrs['strides'] as number[],
      attrs['pad'] as 'same' | 'valid',
    ),
  );
  put('Conv3DBackpropInputV2', ({ inputs, attrs }) =>
    convolveTransposed(
      tensorOf(inputs['dy']),
      tensorOf(inputs['filter']),
      attrs['strides'] as number[],
      attrs['inputShape'] as number[],
    ),
  );
}
