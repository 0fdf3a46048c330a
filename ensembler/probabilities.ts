import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Vec3 } from '@voxhelm/imaging/volume';
import { decodeSafetensors, encodeSafetensors } from '@voxhelm/nn/weights';
import { quantize } from './quantize.ts';

/*
 * Stored class probabilities of one validation case: the trainer writes them after its validation, the ensemble job reads
 * them. One byte a value (a step of 1/255 moves an average of members by less than any of them differ) in a safetensors
 * file with one tensor "probabilities" of [class, x, y, z] on the image's own grid.
 */

/** Class probabilities, 0..255 for 0..1; `data` is [class][x][y][z]. */
export interface QuantizedProbabilities {
  readonly classes: number;
  readonly shape: Vec3;
  readonly data: Uint8Array;
}

const TENSOR = 'probabilities';

/** Probabilities ([class][x][y][z]; 0..1, or bytes of {@link quantize}) as a file. Throws `internal` where the length does not fit. */
export function encodeProbabilities(
  probabilities: Float32Array | Uint8Array,
  classes: number,
  shape: Vec3,
): Uint8Array {
  if (probabilities.length !== classes * shape[0] * shape[1] * shape[2]) {
    throw new VoxhelmError(
      'internal',
      `${probabilities.length} probabilities are no ${classes} classes x ${shape.join('x')}`,
    );
  }
  const data = probabilities instanceof Uint8Array ? probabilities : quantize(probabilities);
  return encodeSafetensors(new Map([[TENSOR, { dtype: 'U8', shape: [classes, ...shape], data }]]), { scale: '255' });
}

/** The inverse of {@link encodeProbabilities} but for the rounding; throws `storage` where the file is another one. */
export function decodeProbabilities(bytes: Uint8Array): QuantizedProbabilities {
  const tensor = decodeSafetensors(bytes).tensors.get(TENSOR);
  const [classes, x, y, z] = tensor?.shape ?? [];
  if (tensor === undefined || tensor.dtype !== 'U8' || classes === undefined || !x || !y || !z) {
    throw new VoxhelmError('storage', 'a stored prediction holds no uint8 tensor "probabilities" of [class, x, y, z]', {
      fix: 'Train the trial again, or leave it out of the ensemble.',
    });
  }
  return { classes, shape: [x, y, z], data: tensor.data as Uint8Array };
}
