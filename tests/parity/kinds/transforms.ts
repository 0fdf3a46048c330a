import { applyOperation, runTransforms } from '@voxhelm/imaging/transforms/compose';
import { cropPatch } from '@voxhelm/imaging/transforms/crop';
import { type Operation, posNegCentres } from '@voxhelm/imaging/transforms/decide';
import { readTransforms } from '@voxhelm/imaging/transforms/list';
import type { Sample } from '@voxhelm/imaging/transforms/sample';
import { affineTransform, elasticField, followedBy, NO_TRANSFORM } from '@voxhelm/imaging/transforms/spatial';
import { type Vec3, voxelCount } from '@voxhelm/imaging/volume';
import { z } from 'zod';
import { formulaValues } from '../formula.ts';
import { type ParityRow, parityRow } from '../row.ts';

/** Image values by their standard deviation, affines absolutely; label counts exactly. */
const IMAGE_TOLERANCE = 1e-5;
const AFFINE_TOLERANCE = 1e-6;

const Vector = z.tuple([z.number(), z.number(), z.number()]);

/** A Rand3DElasticd whose noise is the formula's (its k) and whose draws are set. */
const Elastic = z.object({
  noise: z.number(),
  sigma: z.number(),
  magnitude: z.number(),
  padding: z.enum(['reflection', 'border', 'zeros']),
  rotate: Vector,
  shear: z.tuple([z.number(), z.number(), z.number(), z.number(), z.number(), z.number()]),
  translate: Vector,
  /** Added to 1. */
  scale: Vector,
});

/** Voxels where a patch may be centred. */
const Centres = z.object({ count: z.number(), sum: z.number() });

const Reference = z.object({
  kind: z.literal('transforms'),
  input: z.object({
    shape: Vector,
    channels: z.literal(2),
    affine: z.array(z.number()).length(16),
  }),
  cases: z
    .array(
      z.object({
        name: z.string(),
        transforms: z.array(z.unknown()).optional(),
        /** A random transform's decision, in place of a list. */
        operation: z.custom<Operation>((value) => typeof value === 'object').optional(),
        elastic: Elastic.optional(),
        image: z.object({
          shape: z.array(z.number()),
          std: z.number(),
          index: z.array(z.number()),
          value: z.array(z.number()),
        }),
        label_counts: z.array(z.number()).optional(),
        affine: z.array(z.array(z.number())).optional(),
      }),
    )
    .min(1),
  centres: z
    .array(z.object({ name: z.string(), transform: z.unknown(), positive: Centres, negative: Centres }))
    .default([]),
});

/** Runs each list of transforms of a `transforms` reference on its made-up sample; rows per case. */
export async function check(reference: unknown, _dataFolder: string): Promise<ParityRow[]> {
  const { input, cases, centres } = Reference.parse(reference);
  const sample = madeUpSample(input.shape, input.affine);
  return [...cases.flatMap((expected) => caseRows(expected, sample)), ...centres.map((one) => centresRow(one, sample))];
}

/** Voxels that RandCropByPosNegLabeld may draw: how many and which (their indices' sum), exactly. */
function centresRow(
  { name, transform, ...expected }: z.infer<typeof Reference>['centres'][number],
  sample: Sample,
): ParityRow {
  const [crop] = readTransforms([transform]);
  if (crop?.name !== 'RandCropByPosNegLabeld') throw new TypeError(`${name}: no RandCropByPosNegLabeld`);
  const found = posNegCentres(crop, sample);
  const off = (['positive', 'negative'] as const).map((kind) => {
    const sum = found[kind].reduce((total, voxel) => total + voxel, 0);
    return Math.abs(found[kind].length - expected[kind].count) + Math.abs(sum - expected[kind].sum);
  });
  return parityRow(name, Math.max(...off), 0);
}

type Expected = z.infer<typeof Reference>['cases'][number];

function caseRows(expected: Expected, sample: Sample): ParityRow[] {
  const { image, label } = resultOf(expected, sample);
  const shape = [image.channels, ...image.shape];
  const sameShape = shape.every((size, axis) => size === expected.image.shape[axis]);
  const errors = expected.image.index.map((at, i) =>
    Math.abs((image.data[at] ?? Number.NaN) - (expected.image.value[i] as number)),
  );
  const error = sameShape ? Math.max(...errors) / expected.image.std : Number.POSITIVE_INFINITY;
  const rows = [parityRow(`${expected.name} image`, error, IMAGE_TOLERANCE)];
  if (expected.affine !== undefined) {
    const off = expected.affine.flat().map((value, i) => Math.abs(value - (image.affine[i] ?? Number.NaN)));
    rows.push(parityRow(`${expected.name} affine`, Math.max(...off), AFFINE_TOLERANCE));
  }
  if (expected.label_counts !== undefined) {
    const values = [...(label?.data ?? [])];
    const counts = expected.label_counts.map((count, value) =>
      Math.abs(count - values.filter((one) => one === value).length),
    );
    rows.push(parityRow(`${expected.name} label counts`, Math.max(...counts), 0));
  }
  return rows;
}

function resultOf({ transforms, operation, elastic }: Expected, sample: Sample): Sample {
  if (elastic !== undefined) return deformed(elastic, sample);
  return operation === undefined
    ? runTransforms(readTransforms(transforms), sample, 0)
    : applyOperation(operation, sample);
}

/** The elastic field of given noise before an affine transform, as Rand3DElasticd has them. */
function deformed({ noise, sigma, magnitude, padding, ...affine }: z.infer<typeof Elastic>, sample: Sample): Sample {
  const { image, label } = sample;
  const { shape, channels } = image;
  const draws = formulaValues(3 * voxelCount(shape), noise, 1, 0.5).values();
  const field = elasticField(() => draws.next().value ?? Number.NaN, shape, {
    sigmaVoxels: [sigma, sigma, sigma],
    magnitudeVoxels: [magnitude, magnitude, magnitude],
  });
  const [x, y, z] = affine.scale;
  const before = affineTransform({ ...affine, scale: [1 + x, 1 + y, 1 + z] }, padding, null);
  const transform = followedBy(before, { ...NO_TRANSFORM, field, padding }, shape);
  const data = new Float32Array(image.data.length);
  const classes = new Uint8Array(voxelCount(shape));
  const from = { image: image.data, channels, classes: label?.data ?? classes };
  cropPatch(from, { volumeShape: shape, start: [0, 0, 0], size: shape }, transform, data, classes);
  return { image: { ...image, data }, label: { shape, data: classes, affine: image.affine } };
}

/** The image and label of tests/parity/transforms/make.py. */
function madeUpSample(shape: Vec3, affine: readonly number[]): Sample {
  const voxels = shape[0] * shape[1] * shape[2];
  const noise = formulaValues(2 * voxels, 3, 0.2);
  const data = new Float32Array(2 * voxels);
  const labels = new Uint8Array(voxels);
  for (let i = 0; i < voxels; i++) {
    const row = Math.floor(i / shape[2]);
    const [x, y, z] = [Math.floor(row / shape[1]), row % shape[1], i % shape[2]];
    const first = Math.sin(0.5 * x) + Math.cos(0.7 * y) + 0.1 * z;
    const second = 2 + Math.cos(0.3 * x + 0.4 * y) * Math.sin(0.6 * z);
    data[i] = Math.fround(first) + (noise[i] as number);
    data[voxels + i] = Math.fround(second) + (noise[voxels + i] as number);
    const distance = Math.hypot(x - 6, y - 4.5, z - 3);
    labels[i] = (distance < 4 ? 1 : 0) + (distance < 2.2 ? 1 : 0);
  }
  return { image: { shape, channels: 2, data, affine }, label: { shape, data: labels, affine } };
}
