import { resampleLinear, resampleNearest, toOrientation } from '@voxhelm/imaging/geometry';
import { affineDifference, readImage, readLabel } from '@voxhelm/imaging/nifti';
import { orientationFromCode } from '@voxhelm/imaging/orientation';
import type { Affine, LabelMap, Volume } from '@voxhelm/imaging/volume';
import { z } from 'zod';
import { dataPath } from '../data-path.ts';
import { type ParityRow, parityRow } from '../row.ts';

/** Image values by their standard deviation, affines absolutely, label counts relatively (../shared/reference/README.md). */
const IMAGE_TOLERANCE = 1e-3;
const AFFINE_TOLERANCE = 1e-5;
const COUNT_TOLERANCE = 5e-3;

const Samples = z.object({
  shape: z.array(z.number().int()).min(3),
  mean: z.number().optional(),
  std: z.number(),
  index: z.array(z.number().int()),
  value: z.array(z.number()),
});
const Matrix = z.array(z.array(z.number()).length(4)).length(4);
const Case = z.object({
  case: z.string(),
  label: z.string().optional(),
  /** Voxel sizes in mm to resample to. */
  pixdim: z.tuple([z.number(), z.number(), z.number()]).optional(),
  /** Axis codes to turn to. */
  orientation: z.string().optional(),
  image: Samples.optional(),
  image_linear: Samples.optional(),
  image_nearest: Samples.optional(),
  label_nearest_counts: z.array(z.number()).optional(),
  affine: Matrix.optional(),
  affine_before: Matrix.optional(),
});
const Reference = z.object({ kind: z.literal('spatial'), cases: z.array(Case).min(1) });

/** Repeats each resampling or turn of a `spatial` reference; rows per case. */
export async function check(reference: unknown, dataFolder: string): Promise<ParityRow[]> {
  const { cases } = Reference.parse(reference);
  const rows: ParityRow[] = [];
  for (const expected of cases) rows.push(...(await checkCase(expected, dataFolder)));
  return rows;
}

async function checkCase(expected: z.infer<typeof Case>, dataFolder: string): Promise<ParityRow[]> {
  const stored = await readImage([dataPath(dataFolder, expected.case)]);
  const before = expected.affine_before?.flat();
  const image = before === undefined ? stored : { ...stored, affine: before };
  const codes = expected.orientation === undefined ? null : orientationFromCode(expected.orientation);
  const { pixdim } = expected;
  const change = <T extends Volume | LabelMap>(volume: T, resample: (volume: T) => T): T => {
    const turned = codes === null ? volume : toOrientation(volume, codes);
    return pixdim === undefined ? turned : resample(turned);
  };
  const name = `${expected.case} ${[expected.orientation, pixdim?.join('x')].filter(Boolean).join(' ')}`;
  const rows: ParityRow[] = [];
  const linear = change(image, (volume) => (pixdim === undefined ? volume : resampleLinear(volume, pixdim)));
  const samples = expected.image_linear ?? expected.image;
  if (samples !== undefined) rows.push(...imageRows(`${name} image`, linear, samples));
  if (expected.affine !== undefined) rows.push(affineRow(name, linear.affine, expected.affine));
  const counts = expected.label_nearest_counts;
  if (counts !== undefined) {
    const label = await readLabel(dataPath(dataFolder, expected.label ?? expected.case.replace('images', 'labels')));
    const placed = before === undefined ? label : { ...label, affine: before };
    const moved = change(placed, (volume) => (pixdim === undefined ? volume : resampleNearest(volume, pixdim)));
    rows.push(parityRow(`${name} label counts`, countError(moved, counts), COUNT_TOLERANCE));
  }
  return rows;
}

function imageRows(part: string, actual: Volume, expected: z.infer<typeof Samples>): ParityRow[] {
  const shape = [actual.channels, ...actual.shape].slice(-expected.shape.length);
  const sameShape =
    shape.length === expected.shape.length && shape.every((size, axis) => size === expected.shape[axis]);
  if (!sameShape) return [parityRow(`${part} shape`, Number.POSITIVE_INFINITY, 0)];
  const errors = expected.index.map((index, position) =>
    Math.abs((actual.data[index] ?? Number.NaN) - (expected.value[position] ?? Number.NaN)),
  );
  const mean = actual.data.reduce((sum, value) => sum + value, 0) / actual.data.length;
  if (expected.mean !== undefined) errors.push(Math.abs(mean - expected.mean));
  return [parityRow(`${part} shape`, 0, 0), parityRow(part, Math.max(...errors) / expected.std, IMAGE_TOLERANCE)];
}

function affineRow(name: string, actual: Affine, expected: readonly (readonly number[])[]): ParityRow {
  return parityRow(`${name} affine`, affineDifference(actual, expected.flat()), AFFINE_TOLERANCE);
}

/** Largest relative difference of the voxels per label value. */
function countError(label: LabelMap, expected: readonly number[]): number {
  const counts = expected.map(() => 0);
  for (const value of label.data) counts[value] = (counts[value] ?? 0) + 1;
  return Math.max(
    ...counts.map((count, value) => Math.abs(count - (expected[value] ?? 0)) / Math.max(1, expected[value] ?? 0)),
  );
}
