/*
 * Small dense symmetric matrices, row-major: what a Gaussian process over some hundred trials needs.
 */

/**
 * The lower Cholesky factor of a positive definite n x n matrix, in place (the upper half is left as it is). Returns the
 * logarithm of the determinant, or null where the matrix is not positive definite.
 */
export function cholesky(matrix: Float64Array, n: number): number | null {
  let logDeterminant = 0;
  for (let i = 0; i < n; i++) {
    const row = i * n;
    for (let j = 0; j <= i; j++) {
      const other = j * n;
      let sum = matrix[row + j] as number;
      for (let k = 0; k < j; k++) sum -= (matrix[row + k] as number) * (matrix[other + k] as number);
      if (i !== j) matrix[row + j] = sum / (matrix[other + j] as number);
      else if (sum > 0) {
        matrix[row + i] = Math.sqrt(sum);
        logDeterminant += Math.log(sum);
      } else return null;
    }
  }
  return logDeterminant;
}

/** The inverse of the matrix whose lower Cholesky factor is given, symmetric and full. */
export function inverseFromCholesky(lower: Float64Array, n: number): Float64Array {
  // First the inverse of the factor (rows of its transpose in `half`), then their products.
  const half = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    const column = j * n;
    half[column + j] = 1 / (lower[column + j] as number);
    for (let i = j + 1; i < n; i++) {
      const row = i * n;
      let sum = 0;
      for (let k = j; k < i; k++) sum -= (lower[row + k] as number) * (half[column + k] as number);
      half[column + i] = sum / (lower[row + i] as number);
    }
  }
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < n; k++) sum += (half[i * n + k] as number) * (half[j * n + k] as number);
      inverse[i * n + j] = sum;
      inverse[j * n + i] = sum;
    }
  }
  return inverse;
}

/** matrix times vector, into `result`. */
export function multiply(matrix: Float64Array, vector: Float64Array, n: number, result: Float64Array): void {
  for (let i = 0; i < n; i++) {
    const row = i * n;
    let sum = 0;
    for (let j = 0; j < n; j++) sum += (matrix[row + j] as number) * (vector[j] as number);
    result[i] = sum;
  }
}

/** The scalar product. */
export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
