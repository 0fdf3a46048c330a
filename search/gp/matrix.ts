/*
 * Small dense symmetric matrices, row-major: what a Gaussian process over some hundred trials needs.
 */

/** The scalar product of two stretches of the same length; four sums at once, which do not wait for one another. */
export function dotOf(a: Float64Array, fromA: number, b: Float64Array, fromB: number, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    s0 += (a[fromA + i] as number) * (b[fromB + i] as number);
    s1 += (a[fromA + i + 1] as number) * (b[fromB + i + 1] as number);
    s2 += (a[fromA + i + 2] as number) * (b[fromB + i + 2] as number);
    s3 += (a[fromA + i + 3] as number) * (b[fromB + i + 3] as number);
  }
  for (; i < length; i++) s0 += (a[fromA + i] as number) * (b[fromB + i] as number);
  return s0 + s1 + (s2 + s3);
}

/**
 * The lower Cholesky factor of a positive definite n x n matrix, in place (the upper half is left as it is). Returns the
 * logarithm of the determinant, or null where the matrix is not positive definite.
 */
export function cholesky(matrix: Float64Array, n: number): number | null {
  let logDeterminant = 0;
  for (let i = 0; i < n; i++) {
    const row = i * n;
    for (let j = 0; j < i; j++) {
      const other = j * n;
      const rest = (matrix[row + j] as number) - dotOf(matrix, row, matrix, other, j);
      matrix[row + j] = rest / (matrix[other + j] as number);
    }
    const rest = (matrix[row + i] as number) - dotOf(matrix, row, matrix, row, i);
    if (!(rest > 0)) return null;
    matrix[row + i] = Math.sqrt(rest);
    logDeterminant += Math.log(rest);
  }
  return logDeterminant;
}

/** The inverse of the matrix whose lower Cholesky factor is given, symmetric and full. */
export function inverseFromCholesky(lower: Float64Array, n: number): Float64Array {
  // First the factor's inverse, transposed so that both products run along rows; then its product with itself.
  const half = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    const column = j * n;
    half[column + j] = 1 / (lower[column + j] as number);
    for (let i = j + 1; i < n; i++) {
      const row = i * n;
      half[column + i] = -dotOf(lower, row + j, half, column + j, i - j) / (lower[row + i] as number);
    }
  }
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const sum = dotOf(half, i * n + i, half, j * n + i, n - i);
      inverse[i * n + j] = sum;
      inverse[j * n + i] = sum;
    }
  }
  return inverse;
}

/** matrix times vector, into `result`. */
export function multiply(matrix: Float64Array, vector: Float64Array, n: number, result: Float64Array): void {
  for (let i = 0; i < n; i++) {
    result[i] = dotOf(matrix, i * n, vector, 0, n);
  }
}

/** The scalar product. */
export function dot(a: Float64Array, b: Float64Array): number {
  return dotOf(a, 0, b, 0, a.length);
}
