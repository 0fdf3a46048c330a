/**
 * What `voxhelm evaluate` computes: each metric by the name that `--metrics` takes, with the field of a class's scores
 * (evaluation.ts) that it fills. In the order of the report.
 */
export const METRICS = {
  dice: 'dice',
  iou: 'iou',
  hd: 'hdMm',
  hd95: 'hd95Mm',
  assd: 'assdMm',
  'surface-dice': 'surfaceDice',
} as const;

/** A metric's name. */
export type Metric = keyof typeof METRICS;

/** The field of scores that a metric fills. */
export type ScoreField = (typeof METRICS)[Metric];

/** All metrics, in the order of the report. */
export const METRIC_NAMES = Object.keys(METRICS) as readonly Metric[];
