import { VoxhelmError } from '@voxhelm/contracts/errors';
import { z } from 'zod';
import type { AppliedOperation } from './compose.ts';

/*
 * What was done to a sample, read back from the file that it was written to (applied.json).
 */

const Vector = z.tuple([z.number(), z.number(), z.number()]);
const Grid = z.object({ shape: Vector, affine: z.array(z.number()).length(16) });
const Rearrangement = z.object({ from: Vector, flip: z.tuple([z.boolean(), z.boolean(), z.boolean()]) });
const Elastic = z.object({ sigmaVoxels: Vector, magnitudeVoxels: Vector, stream: z.number() });

/** What moves voxels is read to the letter; intensities, which no label map has, as they stand. */
const Operation = z.union([
  z.object({ kind: z.literal('rearrange'), change: Rearrangement }),
  z.object({ kind: z.literal('box'), start: Vector, end: Vector, value: z.number() }),
  z.object({ kind: z.literal('resample'), spacingMm: Vector }),
  z.object({
    kind: z.literal('warp'),
    linear: z.array(z.number()).length(9),
    shiftVoxels: Vector,
    padding: z.enum(['reflection', 'border', 'zeros']),
    elastic: Elastic.nullable(),
  }),
  z.looseObject({ kind: z.string().refine((kind) => !['rearrange', 'box', 'resample', 'warp'].includes(kind)) }),
]);

const AppliedRecord = z.array(z.object({ name: z.string(), operation: Operation, before: Grid }));

/** True for the content of an applied.json: a list of transforms looks like one only where both are empty. */
export function isAppliedRecord(json: unknown): boolean {
  return Array.isArray(json) && json.every((one) => one?.operation !== undefined);
}

/** Reads the content of an applied.json; throws `invalid-request` naming what is wrong in it. */
export function readAppliedRecord(json: unknown): readonly AppliedOperation[] {
  const parsed = AppliedRecord.safeParse(json);
  if (parsed.success) return parsed.data as unknown as readonly AppliedOperation[];
  const places = parsed.error.issues.map(({ path }) => path.join('.'));
  throw new VoxhelmError('invalid-request', `the record of what was done is damaged at ${places.join(', ')}`, {
    fix: 'Give applied.json as `voxhelm transform` wrote it.',
  });
}
