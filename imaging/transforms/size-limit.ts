import { VoxhelmError } from '@voxhelm/contracts/errors';
import { resampledShape } from '../resample.ts';
import { spacingOf, type Vec3, type Volume, voxelCount } from '../volume.ts';
import type { Operation } from './decide.ts';
import { gridOfOperation } from './sample.ts';

/**
 * Most numbers that one array of a transform may hold (voxels times channels): 8 GiB of 32-bit floats, which no scan comes
 * near (1000^3 voxels are a half of it) and below the length at which engines refuse arrays (2^32 - 1 in Node 20).
 */
const MOST_NUMBERS = 2 ** 31;

/** Refuses an operation whose arrays would be larger; throws `invalid-request` naming the transform and the size. */
export function checkSize(
  name: string,
  operation: Operation,
  image: Pick<Volume, 'shape' | 'affine' | 'channels'>,
): void {
  for (const shape of shapesOf(operation, image)) {
    const numbers = voxelCount(shape) * image.channels;
    if (numbers <= MOST_NUMBERS) continue;
    const { channels } = image;
    const asked = `${shape.join(' x ')} = ${text(voxelCount(shape))} voxels${channels === 1 ? '' : ` in ${channels} channels`}`;
    throw new VoxhelmError('invalid-request', `${name} would make ${asked} of ${image.shape.join(' x ')}`, {
      fix: `${FIXES[name] ?? 'Ask for a smaller spatial_size'}: at most ${text(Math.floor(MOST_NUMBERS / channels))} voxels.`,
      details: { name, shape },
    });
  }
}

const FIXES: Readonly<Record<string, string>> = {
  Spacingd: 'Ask for larger voxels (pixdim, in mm)',
  CropForegroundd: 'Ask for a smaller margin or k_divisible',
};

/** Shapes of the arrays that an operation makes: a resampling goes one axis after the other. */
function shapesOf(operation: Operation, { shape, affine }: Pick<Volume, 'shape' | 'affine'>): Vec3[] {
  if (operation.kind === 'box') return [gridOfOperation(operation, { shape, affine }).shape];
  if (operation.kind !== 'resample') return [];
  const [x, y, z] = resampledShape(shape, spacingOf(affine), operation.spacingMm);
  return [
    [x, y, z],
    [x, y, shape[2]],
    [x, shape[1], shape[2]],
  ];
}

function text(count: number): string {
  return count.toLocaleString('en-US');
}
