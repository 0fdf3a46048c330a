import { z } from 'zod';

/*
 * The statistics of MONAI's DataAnalyzer (average over channels, with connected components), under its own field names,
 * so that a user of Auto3DSeg finds what they know. Source: ../shared/reference/automl.md 1.4 and analysis.json.
 * Label statistics are keyed by label value (MONAI's are by position, a known trap).
 */

/** Number, or one number per axis. */
const Value = z.union([z.number(), z.array(z.number())]);

/** Statistics of one quantity over cases. */
export const SampleStatistics = z.object({
  max: Value,
  mean: Value,
  median: Value,
  min: Value,
  stdev: Value,
  percentile: z.array(Value).optional(),
  percentile_00_5: Value,
  percentile_10_0: Value,
  percentile_90_0: Value,
  percentile_99_5: Value,
});
export type SampleStatistics = z.infer<typeof SampleStatistics>;

/** Statistics of voxel intensities. */
export const IntensityStatistics = z.object({
  max: z.number(),
  mean: z.number(),
  median: z.number(),
  min: z.number(),
  stdev: z.number(),
  percentile: z.array(z.number()).optional(),
  percentile_00_5: z.number(),
  percentile_10_0: z.number(),
  percentile_90_0: z.number(),
  percentile_99_5: z.number(),
});
export type IntensityStatistics = z.infer<typeof IntensityStatistics>;

/** Statistics of one label in one case. */
export const CaseLabelStatistics = z.object({
  /** The voxel value these statistics are of. */
  value: z.number().int(),
  image_intensity: z.array(IntensityStatistics),
  /** Fraction (0..1) of all voxels of the case. */
  foreground_percentage: z.number(),
  /** Bounding box in voxels of each connected component, in the order of their first voxels. */
  shape: z.array(z.array(z.number())),
  ncomponents: z.number().int(),
});

/** Statistics of one case; lists are per channel. */
export const CaseAnalysis = z.object({
  caseId: z.string(),
  image_filepath: z.string(),
  label_filepath: z.string(),
  image_stats: z.object({
    shape: z.array(z.array(z.number())),
    channels: z.number().int(),
    cropped_shape: z.array(z.array(z.number())),
    spacing: z.array(z.number()),
    sizemm: z.array(z.array(z.number())),
    intensity: z.array(IntensityStatistics),
  }),
  image_foreground_stats: z.object({ intensity: z.array(IntensityStatistics) }),
  label_stats: z.object({
    labels: z.array(z.number().int()),
    image_intensity: z.array(IntensityStatistics),
    label: z.array(CaseLabelStatistics),
  }),
});
export type CaseAnalysis = z.infer<typeof CaseAnalysis>;

/** How much of a case a label takes, in millilitres; null where the case does not have it. */
export function labelVolumeMl(one: CaseAnalysis, value: number): number | null {
  const share = one.label_stats.label.find((label) => label.value === value)?.foreground_percentage;
  const lengthsMm = one.image_stats.sizemm[0];
  if (share === undefined || lengthsMm === undefined) return null;
  return (share * lengthsMm.reduce((product, length) => product * length, 1)) / 1_000;
}

/** Statistics of the whole dataset. */
export const AnalysisSummary = z.object({
  n_cases: z.number().int(),
  image_stats: z.object({
    shape: SampleStatistics,
    channels: SampleStatistics,
    cropped_shape: SampleStatistics,
    spacing: SampleStatistics,
    sizemm: SampleStatistics,
    intensity: IntensityStatistics,
  }),
  image_foreground_stats: z.object({
    intensity: IntensityStatistics,
    /**
     * Of the foreground voxels of all cases together, for each channel (nnU-Net's fingerprint); `intensity` has the means of
     * the cases' and channels' own. Absent in analyses of earlier versions, and where no case has foreground.
     */
    pooled: z.array(IntensityStatistics).optional(),
  }),
  label_stats: z.object({
    labels: z.array(z.number().int()),
    image_intensity: IntensityStatistics,
    label: z.array(
      z.object({
        value: z.number().int(),
        foreground_percentage: SampleStatistics,
        /** Of the cases that have the label, in millilitres; beside MONAI's fields. Absent in analyses of earlier versions. */
        volume_ml: SampleStatistics.optional(),
        image_intensity: IntensityStatistics,
        shape: SampleStatistics,
        ncomponents: SampleStatistics,
      }),
    ),
  }),
});
export type AnalysisSummary = z.infer<typeof AnalysisSummary>;

/**
 * Facts about a dataset's training cases; decides nothing. `cases` has all of them; `summary` leaves out those that the check
 * was told to hold out.
 */
export const Analysis = z
  .object({ schemaVersion: z.literal(1), summary: AnalysisSummary, cases: z.array(CaseAnalysis) })
  .meta({ id: 'Analysis' });
export type Analysis = z.infer<typeof Analysis>;
