import { expect, test } from 'vitest';
import { saysOutOfMemory } from './memory-words.ts';

const ONEDNN =
  'in file tensorflow/core/kernels/mkl/mkl_conv_grad_input_ops.cc:546 [[{{node Conv3DBackpropInputV2_1485}}]]';

test.each([
  `Session fail to run with error: Operation received an exception:Status: 1, message: could not create a memory object, ${ONEDNN}`,
  `Operation received an exception:Status: 1, message: could not execute a primitive, ${ONEDNN}`,
  'RuntimeError: could not create a memory object',
  'could not create a memory primitive',
  'OOM when allocating tensor with shape[2,64,48,48,48] and type float on /job:localhost/replica:0/task:0/device:CPU:0 by allocator mklcpu',
  'Allocator (mklcpu) ran out of memory trying to allocate 1.50GiB',
  'failed to allocate 7.99G from device: CUDA_ERROR_OUT_OF_MEMORY: out of memory',
  'Could not create cudnn handle: CUDNN_STATUS_ALLOC_FAILED',
  "terminate called after throwing an instance of 'std::bad_alloc'",
  'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
  'Array buffer allocation failed',
  'spawn ENOMEM',
])('memory ran out: %s', (said) => {
  expect(saysOutOfMemory(said)).toBe(true);
});

test.each([
  `Operation received an exception:Status: 2, message: could not create a memory object, ${ONEDNN}`,
  `Operation received an exception:Status: 5, message: could not initialize a memory descriptor, ${ONEDNN}`,
  'Invalid argument: Incompatible shapes: [2,3] vs. [4,5]',
  'terminate called: segmentation went wrong',
])('something else: %s', (said) => {
  expect(saysOutOfMemory(said)).toBe(false);
});
