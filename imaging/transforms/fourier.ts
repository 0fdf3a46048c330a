import type { Vec3 } from '../volume.ts';

/*
 * Discrete Fourier transforms of any length: artifacts of MR scanners arise in k-space.
 */

/** A complex array [x][y][z]. */
export interface Spectrum {
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
}

/** The spectrum of real values along the given axes; frequency 0 comes first, as numpy's fftn has it. */
export function spectrumOf(values: Float32Array, shape: Vec3, axes: readonly number[]): Spectrum {
  const spectrum = { real: Float64Array.from(values), imaginary: new Float64Array(values.length) };
  for (const axis of axes) transformAxis(spectrum, shape, axis, false);
  return spectrum;
}

/** The real part of what a spectrum along the given axes is of, into `values`. The spectrum is used up. */
export function realValuesOf(spectrum: Spectrum, shape: Vec3, axes: readonly number[], values: Float32Array): void {
  for (const axis of axes) transformAxis(spectrum, shape, axis, true);
  values.set(spectrum.real);
}

/** Where a frequency lies when 0 is in the middle (numpy's fftshift). */
export function centredIndex(frequency: number, length: number): number {
  return (frequency + Math.floor(length / 2)) % length;
}

function transformAxis({ real, imaginary }: Spectrum, shape: Vec3, axis: number, inverse: boolean): void {
  const length = shape[axis as 0 | 1 | 2];
  const inner = axis === 0 ? shape[1] * shape[2] : axis === 1 ? shape[2] : 1;
  const outer = real.length / (length * inner);
  const fourier = fourierOf(length, inverse);
  for (let block = 0; block < outer; block++) {
    for (let line = 0; line < inner; line++) fourier(real, imaginary, block * length * inner + line, inner);
  }
}

/** A transform in place of `length` numbers that begin at `first` and lie `stride` apart. */
type LineTransform = (real: Float64Array, imaginary: Float64Array, first: number, stride: number) => void;

/** Cooley and Tukey's recursion over the prime factors of the length; the inverse divides by the length. */
function fourierOf(length: number, inverse: boolean): LineTransform {
  const cosines = Float64Array.from({ length }, (_, k) => Math.cos((2 * Math.PI * k) / length));
  const sines = Float64Array.from({ length }, (_, k) => (inverse ? 1 : -1) * Math.sin((2 * Math.PI * k) / length));
  const [inReal, inImaginary, outReal, outImaginary, heldReal, heldImaginary] = Array.from(
    { length: 6 },
    () => new Float64Array(length),
  ) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];

  function recurse(size: number, from: number, step: number, to: number): void {
    if (size === 1) {
      outReal[to] = inReal[from] as number;
      outImaginary[to] = inImaginary[from] as number;
      return;
    }
    const parts = smallestFactor(size);
    const part = size / parts;
    for (let j = 0; j < parts; j++) recurse(part, from + j * step, step * parts, to + j * part);
    const turn = length / size;
    if (parts === 2) {
      // By far the most frequent factor, without the general sum.
      for (let k = 0; k < part; k++) {
        const even = to + k;
        const odd = even + part;
        const cos = cosines[k * turn] as number;
        const sin = sines[k * turn] as number;
        const real = (outReal[odd] as number) * cos - (outImaginary[odd] as number) * sin;
        const imaginary = (outReal[odd] as number) * sin + (outImaginary[odd] as number) * cos;
        outReal[odd] = (outReal[even] as number) - real;
        outImaginary[odd] = (outImaginary[even] as number) - imaginary;
        outReal[even] = (outReal[even] as number) + real;
        outImaginary[even] = (outImaginary[even] as number) + imaginary;
      }
      return;
    }
    for (let k = 0; k < part; k++) {
      for (let j = 0; j < parts; j++) {
        heldReal[j] = outReal[to + j * part + k] as number;
        heldImaginary[j] = outImaginary[to + j * part + k] as number;
      }
      for (let q = 0; q < parts; q++) {
        const frequency = k + q * part;
        let sumReal = 0;
        let sumImaginary = 0;
        for (let j = 0; j < parts; j++) {
          const angle = (j * frequency * turn) % length;
          const [cos, sin] = [cosines[angle] as number, sines[angle] as number];
          sumReal += (heldReal[j] as number) * cos - (heldImaginary[j] as number) * sin;
          sumImaginary += (heldReal[j] as number) * sin + (heldImaginary[j] as number) * cos;
        }
        outReal[to + frequency] = sumReal;
        outImaginary[to + frequency] = sumImaginary;
      }
    }
  }

  return (real, imaginary, first, stride) => {
    for (let i = 0; i < length; i++) {
      inReal[i] = real[first + i * stride] as number;
      inImaginary[i] = imaginary[first + i * stride] as number;
    }
    recurse(length, 0, 1, 0);
    const scale = inverse ? 1 / length : 1;
    for (let i = 0; i < length; i++) {
      real[first + i * stride] = (outReal[i] as number) * scale;
      imaginary[first + i * stride] = (outImaginary[i] as number) * scale;
    }
  };
}

function smallestFactor(n: number): number {
  for (let factor = 2; factor * factor <= n; factor++) if (n % factor === 0) return factor;
  return n;
}
