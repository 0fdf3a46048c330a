import type { Augmentation } from '@voxhelm/contracts/plan';
import type { Random } from '../random.ts';
import { uniformBetween } from '../random.ts';
import type { Vec3 } from '../volume.ts';
import { voxelCount } from '../volume.ts';

type GaussianSmooth = Extract<Augmentation, { name: 'gaussian-smooth' }>;

/** What a kernel reads beyond the image: its last voxel, or 0. */
export type BlurBorder = 'edge' | 'zeros';

// Beyond three standard deviations lie 0.3 % of a Gaussian.
const KERNEL_SIGMAS = 3;

/** Blurs all channels of a patch in place, with a standard deviation drawn for each axis (voxels); borders go on. */
export function gaussianSmooth(
  random: Random,
  smooth: GaussianSmooth,
  image: Float32Array,
  channels: number,
  size: Vec3,
): void {
  if (random() >= smooth.probability) return;
  const [low, high] = smooth.sigmaVoxels;
  const kernels = [0, 1, 2].map(() => sampledKernel(uniformBetween(random, low, high)));
  blur(image, channels, size, kernels, 'edge');
}

/** Blurs [channel][x][y][z] in place, one axis after the other, by the half of a symmetric kernel for each axis. */
export function blur(
  image: Float32Array,
  channels: number,
  [sizeX, sizeY, sizeZ]: Vec3,
  kernels: readonly Float64Array[],
  border: BlurBorder,
): void {
  const voxels = voxelCount([sizeX, sizeY, sizeZ]);
  for (let channel = 0; channel < channels; channel++) {
    const patch = image.subarray(channel * voxels, (channel + 1) * voxels);
    blurAxis(patch, 1, sizeX, sizeY * sizeZ, kernels[0] as Float64Array, border);
    blurAxis(patch, sizeX, sizeY, sizeZ, kernels[1] as Float64Array, border);
    blurAxis(patch, sizeX * sizeY, sizeZ, 1, kernels[2] as Float64Array, border);
  }
}

/** The half of a Gaussian's samples, normalised to 1: the centre, then outwards. */
function sampledKernel(sigmaVoxels: number): Float64Array {
  if (sigmaVoxels <= 0) return Float64Array.of(1);
  const kernel = Float64Array.from({ length: Math.ceil(KERNEL_SIGMAS * sigmaVoxels) + 1 }, (_, distance) =>
    Math.exp(-(distance * distance) / (2 * sigmaVoxels * sigmaVoxels)),
  );
  const sum = kernel.reduce((total, weight, distance) => total + (distance === 0 ? weight : 2 * weight), 0);
  return kernel.map((weight) => weight / sum);
}

/**
 * The half of MONAI's kernel ("erf"): the Gaussian's integral over each voxel, cut off after `truncated` standard
 * deviations (rounded to voxels) and not normalised.
 */
export function erfKernel(sigmaVoxels: number, truncated: number): Float64Array {
  if (sigmaVoxels <= 0) return Float64Array.of(1);
  const tail = Math.floor(Math.max(sigmaVoxels * truncated, 0.5) + 0.5);
  const scale = Math.SQRT1_2 / sigmaVoxels;
  return Float64Array.from({ length: tail + 1 }, (_, distance) =>
    Math.max(0, (erf(scale * (distance + 0.5)) - erf(scale * (distance - 0.5))) / 2),
  );
}

/** The error function to 1.2e-7 (Numerical Recipes' Chebyshev fit of erfc). */
function erf(x: number): number {
  const t = 1 / (1 + Math.abs(x) / 2);
  const powers = [-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587];
  const series = [...powers, -0.82215223, 0.17087277].reduceRight((sum, coefficient) => coefficient + t * sum, 0);
  const complement = t * Math.exp(-x * x + series);
  return x >= 0 ? 1 - complement : complement - 1;
}

/** Blurs the middle axis of an array [outer][length][inner] in place. */
function blurAxis(
  patch: Float32Array,
  outer: number,
  length: number,
  inner: number,
  kernel: Float64Array,
  border: BlurBorder,
): void {
  const margin = kernel.length - 1;
  // One line with what lies beyond it, so that the inner loop asks nothing.
  const line = new Float32Array(length + 2 * margin);
  for (let block = 0; block < outer; block++) {
    for (let offset = 0; offset < inner; offset++) {
      const base = block * length * inner + offset;
      for (let i = 0; i < length; i++) line[margin + i] = patch[base + i * inner] as number;
      if (border === 'edge') {
        line.fill(line[margin] as number, 0, margin);
        line.fill(line[margin + length - 1] as number, margin + length);
      }
      for (let i = 0; i < length; i++) {
        const centre = margin + i;
        let sum = (kernel[0] as number) * (line[centre] as number);
        for (let distance = 1; distance <= margin; distance++) {
          sum +=
            (kernel[distance] as number) * ((line[centre - distance] as number) + (line[centre + distance] as number));
        }
        patch[base + i * inner] = sum;
      }
    }
  }
}
