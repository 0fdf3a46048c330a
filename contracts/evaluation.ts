import { z } from 'zod';

/** Scores of one class of one case. null: not defined (an empty mask on one or both sides). */
export const ClassScores = z.object({
  dice: z.number().nullable(),
  iou: z.number().nullable(),
  /** Hausdorff distance; null in scores that an earlier version stored. */
  hdMm: z.number().nullable().default(null),
  hd95Mm: z.number().nullable(),
  assdMm: z.number().nullable(),
  /** Fraction of both surfaces within the tolerance of the other. */
  surfaceDice: z.number().nullable(),
  /** Of one case: predicted over true volume, less 1; null where the truth is empty, absent where it was not measured. */
  volumeError: z.number().nullable().optional(),
});
export type ClassScores = z.infer<typeof ClassScores>;

/** Scores of one case, on the image's own grid. `classes` is keyed by label value; `dice` is their mean, null where no class counts. */
export const CaseScores = z.object({
  case: z.string(),
  classes: z.record(z.string(), ClassScores),
  dice: z.number().nullable(),
});
export type CaseScores = z.infer<typeof CaseScores>;

/** Means over cases that have a value. `classes` as in {@link CaseScores}. */
export const Evaluation = z
  .object({
    toleranceMm: z.number(),
    cases: z.array(CaseScores),
    mean: z.object({
      dice: z.number().nullable(),
      iou: z.number().nullable(),
      hdMm: z.number().nullable().default(null),
      hd95Mm: z.number().nullable(),
      assdMm: z.number().nullable(),
      surfaceDice: z.number().nullable(),
      classes: z.record(z.string(), ClassScores),
    }),
    worst: z.object({ case: z.string(), dice: z.number() }).nullable(),
  })
  .meta({ id: 'Evaluation' });
export type Evaluation = z.infer<typeof Evaluation>;
