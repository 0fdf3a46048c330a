import { confusionOf } from '@voxhelm/imaging/metrics/confusion';
import { diceOf, iouOf, type Overlap, overlapsOf } from '@voxhelm/imaging/metrics/dice';
import { surfaceScores } from '@voxhelm/imaging/metrics/surface';
import { readLabel } from '@voxhelm/imaging/nifti';
import type { LabelMap, Vec3 } from '@voxhelm/imaging/volume';
import { z } from 'zod';
import { dataPath } from '../data-path.ts';
import { type ParityRow, parityRow } from '../row.ts';

const Triple = z.tuple([z.number(), z.number(), z.number()]);
const Values = z.array(z.number().nullable()).min(1);

const Reference = z.object({
  kind: z.literal('metrics'),
  cases: z
    .array(
      z.object({
        case: z.string(),
        prediction: z.strictObject({ shift: Triple.optional(), remove: z.number().int().optional() }),
        spacing: Triple,
        dice: Values.optional(),
        iou: Values.optional(),
        hd_mm: Values.optional(),
        hd95_mm: Values.optional(),
        assd_mm: Values.optional(),
        surface_dice: Values.optional(),
        surface_dice_tolerance_mm: z.number().default(1),
      }),
    )
    .min(1),
});

const TOLERANCES = { dice: 1e-5, iou: 1e-5, hd_mm: 1e-4, hd95_mm: 1e-4, assd_mm: 1e-4, surface_dice: 1e-5 } as const;
const PARTS = Object.keys(TOLERANCES) as (keyof typeof TOLERANCES)[];

/** Scores every case of a `metrics` reference; one row per metric with its largest error over cases and classes. */
export async function check(reference: unknown, dataFolder: string): Promise<ParityRow[]> {
  const { cases } = Reference.parse(reference);
  const errors = new Map<string, number>();
  for (const expected of cases) {
    const truth = await readLabel(dataPath(dataFolder, expected.case));
    const prediction = predictionOf(truth, expected.prediction);
    const given = PARTS.flatMap((part) => expected[part] ?? []);
    const classes = Math.max(...PARTS.map((part) => expected[part]?.length ?? 0));
    if (given.length === 0) continue;
    const confusion = confusionOf(prediction, truth.data);
    for (let value = 1; value <= classes; value++) {
      const overlap = overlapsOf(confusion, [[value]])[0] as Overlap;
      const tolerance = expected.surface_dice_tolerance_mm;
      const surface = surfaceScores(prediction, truth.data, value, truth.shape, expected.spacing, tolerance);
      const actual = {
        dice: diceOf(overlap),
        iou: iouOf(overlap),
        hd_mm: surface.hdMm,
        hd95_mm: surface.hd95Mm,
        assd_mm: surface.assdMm,
        surface_dice: surface.surfaceDice,
      };
      for (const part of PARTS) {
        const wanted = expected[part]?.[value - 1];
        if (wanted === undefined) continue;
        errors.set(part, Math.max(errors.get(part) ?? 0, errorOf(actual[part], wanted)));
      }
    }
  }
  return PARTS.flatMap((part) => {
    const error = errors.get(part);
    return error === undefined ? [] : [parityRow(part, error, TOLERANCES[part])];
  });
}

function errorOf(actual: number | null, expected: number | null): number {
  if (actual === null || expected === null) return actual === expected ? 0 : Infinity;
  return Math.abs(actual - expected);
}

/** The reference's made-up prediction: the label map shifted with zeros coming in, or without one class. */
function predictionOf(
  truth: LabelMap,
  rule: { shift?: Vec3 | undefined; remove?: number | undefined },
): LabelMap['data'] {
  const [sizeX, sizeY, sizeZ] = truth.shape;
  const [shiftX, shiftY, shiftZ] = rule.shift ?? [0, 0, 0];
  const prediction = truth.data.slice().fill(0);
  for (let x = Math.max(0, shiftX); x < Math.min(sizeX, sizeX + shiftX); x++) {
    for (let y = Math.max(0, shiftY); y < Math.min(sizeY, sizeY + shiftY); y++) {
      for (let z = Math.max(0, shiftZ); z < Math.min(sizeZ, sizeZ + shiftZ); z++) {
        const value = truth.data[((x - shiftX) * sizeY + y - shiftY) * sizeZ + z - shiftZ] as number;
        if (value !== rule.remove) prediction[(x * sizeY + y) * sizeZ + z] = value;
      }
    }
  }
  return prediction;
}
