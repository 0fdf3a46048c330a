import type { Augmentation } from '@voxhelm/contracts/plan';
import type { Random } from '../random.ts';
import { uniformBetween } from '../random.ts';
import type { Vec3 } from '../volume.ts';
import { voxelCount } from '../volume.ts';

type GaussianSmooth = Extract<Augmentation, { name: 'gaussian-smooth' }>;

// Beyond three standard deviations lie 0.3 % of a Gaussian.
const KERNEL_SIGMAS = 3;

/** Blurs all channels of a patch in place, with a standard deviation drawn for each axis (voxels); borders go on. */
export function gaussianSmooth(
  random: Random,
  smooth: GaussianSmooth,
  image: Float32Array,
  channels: number,
  [sizeX, sizeY, sizeZ]: Vec3,
): void {
  if (random() >= smooth.probability) return;
  const [low, high] = smooth.sigmaVoxels;
  const kernels = [0, 1, 2].map(() => gaussianKernel(uniformBetween(random, low, high)));
  const scratch = new Float32Array(Math.max(sizeX, sizeY, sizeZ));
  const voxels = voxelCount([sizeX, sizeY, sizeZ]);
  for (let channel = 0; channel < channels; channel++) {
    const patch = image.subarray(channel * voxels, (channel + 1) * voxels);
    blurAxis(patch, 1, sizeX, sizeY * sizeZ, kernels[0] as Float64Array, scratch);
    blurAxis(patch, sizeX, sizeY, sizeZ, kernels[1] as Float64Array, scratch);
    blurAxis(patch, sizeX * sizeY, sizeZ, 1, kernels[2] as Float64Array, scratch);
  }
}

/** The half of a normalised Gaussian kernel: the centre, then outwards. */
function gaussianKernel(sigmaVoxels: number): Float64Array {
  if (sigmaVoxels <= 0) return Float64Array.of(1);
  const kernel = Float64Array.from({ length: Math.ceil(KERNEL_SIGMAS * sigmaVoxels) + 1 }, (_, distance) =>
    Math.exp(-(distance * distance) / (2 * sigmaVoxels * sigmaVoxels)),
  );
  const sum = kernel.reduce((total, weight, distance) => total + (distance === 0 ? weight : 2 * weight), 0);
  return kernel.map((weight) => weight / sum);
}

/** Blurs the middle axis of an array [outer][length][inner] in place. */
function blurAxis(
  patch: Float32Array,
  outer: number,
  length: number,
  inner: number,
  kernel: Float64Array,
  scratch: Float32Array,
): void {
  const last = length - 1;
  const reach = kernel.length;
  for (let block = 0; block < outer; block++) {
    for (let line = 0; line < inner; line++) {
      const base = block * length * inner + line;
      for (let i = 0; i < length; i++) scratch[i] = patch[base + i * inner] as number;
      for (let i = 0; i < length; i++) {
        let sum = (kernel[0] as number) * (scratch[i] as number);
        for (let distance = 1; distance < reach; distance++) {
          const before = i - distance < 0 ? 0 : i - distance;
          const after = i + distance > last ? last : i + distance;
          sum += (kernel[distance] as number) * ((scratch[before] as number) + (scratch[after] as number));
        }
        patch[base + i * inner] = sum;
      }
    }
  }
}
