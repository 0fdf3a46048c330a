/*
 * How the libraries below us say that memory ran out. They say it in prose alone: none has a code that would reach us.
 */

const WORDS: readonly RegExp[] = [
  // TensorFlow's allocators ("Allocator (mklcpu) ran out of memory"), CUDA (CUDA_ERROR_OUT_OF_MEMORY), V8's heap and its threads'.
  /out[ _]of[ _]memory/i,
  /OOM when allocating/,
  /RESOURCE_EXHAUSTED|Resource exhausted:/,
  /CU(BLAS|DNN|FFT|SOLVER|SPARSE)_STATUS_ALLOC_FAILED/,
  /bad_alloc/,
  /cannot allocate memory|\bENOMEM\b/i,
  /Array buffer allocation failed/i,
  // oneDNN, in which nearly all of a step's memory on a CPU is asked for: TensorFlow tells dnnl_status_t, of which 1 is
  // dnnl_out_of_memory (oneDNN 3, dnnl_common_types.h), whichever object it was that could not be created.
  /exception: ?Status: 1, message:/,
  // The same without a status of its own, as its C++ interface says it.
  /(?<!Status: \d+, message: )could not create a memory (object|primitive)/,
];

/** True where an error's message, or what a process printed, says that memory ran out. */
export function saysOutOfMemory(text: string): boolean {
  return WORDS.some((words) => words.test(text));
}
