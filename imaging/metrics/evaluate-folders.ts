import type { Evaluation } from '@voxhelm/contracts/evaluation';
import { METRIC_NAMES, METRICS, type Metric, type ScoreField } from '@voxhelm/contracts/metrics';
import { type LabelMap, spacingOf } from '../volume.ts';
import { confusionOf, foregroundOf } from './confusion.ts';
import { diceOf, iouOf, meanOf, type Overlap, overlapsOf } from './dice.ts';
import { byField, classScores, meansOf, worstOf } from './evaluate.ts';
import { throwFaults } from './faults.ts';
import { type ChosenScores, type CountedMean, withCounts } from './mean-counts.ts';
import { type PairingOptions, pairFiles } from './pair-files.ts';
import { readPair } from './read-pair.ts';
import { labelBoxes, surfaceScores } from './surface.ts';

/** What to score, and how strictly the folders must correspond. */
export interface FolderOptions extends PairingOptions {
  /** Absent: all. Surfaces, which cost most of the time, are looked at only where a metric needs them. */
  readonly metrics?: readonly Metric[];
}

/** An Evaluation of the metrics that were asked for: what was not asked for is not in it. */
export interface ChosenEvaluation {
  readonly metrics: readonly Metric[];
  /** Of the surface Dice. */
  readonly toleranceMm?: number;
  readonly cases: readonly {
    readonly case: string;
    readonly classes: Readonly<Record<string, ChosenScores>>;
    /** The mean over classes. */
    readonly dice?: number | null;
  }[];
  readonly mean: CountedMean & { readonly classes: Readonly<Record<string, CountedMean>> };
  /** By Dice. */
  readonly worst?: Evaluation['worst'];
  /** Cases whose prediction has its axes in another order or direction than the label, and was turned; absent: none. */
  readonly turned?: readonly string[];
}

/**
 * Scores every prediction of a folder against the label of the same name (`.nii` and `.nii.gz` are one name). The
 * classes are all values but 0 found in any file. A prediction that lies in its label's place with its axes in another
 * order or direction is compared along the label's. All files are looked at before any fault ends it: throws the fault, or
 * one error with a list of them, of code `invalid-request` where they differ. `invalid-request`: a file without a partner,
 * another shape, another place; `bad-image`: no label map, or values that are no label values.
 */
export async function evaluateFolders(
  predictionFolder: string,
  labelFolder: string,
  toleranceMm: number,
  { metrics, ...pairing }: FolderOptions = {},
): Promise<ChosenEvaluation> {
  const { pairs, faults: unpaired } = await pairFiles(predictionFolder, labelFolder, pairing);
  const faults = [...unpaired];
  const chosen = METRIC_NAMES.filter((name) => metrics === undefined || metrics.includes(name));
  const fields = chosen.map((name) => METRICS[name]);
  const cases: ScoredCase[] = [];
  const turned: string[] = [];
  for (const pair of pairs) {
    const maps = await readPair(pair, faults);
    // Once there is a fault no score will be told, so the files that are left are read, and not scored.
    if (maps === null || faults.length > 0) continue;
    const { prediction, truth } = maps;
    if (maps.turned) turned.push(pair.caseId);
    cases.push({ case: pair.caseId, ...scoreCase(prediction, truth, fields, toleranceMm, metrics === undefined) });
  }
  throwFaults(faults);
  // A class that only other cases have is reported as absent, so that all cases have the same columns.
  const values = [...new Set(cases.flatMap(({ classes }) => Object.keys(classes)))];
  const nothing = byField(fields, () => null);
  const complete = cases.map(({ case: caseId, classes, dice }) => ({
    case: caseId,
    classes: Object.fromEntries(values.map((value) => [value, classes[value] ?? nothing])),
    ...(fields.includes('dice') ? { dice } : {}),
  }));
  return {
    metrics: chosen,
    ...(fields.includes('surfaceDice') ? { toleranceMm } : {}),
    cases: complete,
    mean: withCounts(meansOf(complete, fields), cases, fields),
    ...(fields.includes('dice') ? { worst: worstOf(cases) } : {}),
    ...(turned.length > 0 ? { turned } : {}),
  };
}

interface ScoredCase {
  readonly case: string;
  readonly classes: Readonly<Record<string, Record<ScoreField, number | null>>>;
  readonly dice: number | null;
}

const OVERLAP_FIELDS: readonly ScoreField[] = ['dice', 'iou'];

/** The chosen fields of each class that either map holds, and the mean Dice; `whole` adds what is no metric of its own. */
function scoreCase(
  prediction: LabelMap,
  truth: LabelMap,
  fields: readonly ScoreField[],
  toleranceMm: number,
  whole: boolean,
): Omit<ScoredCase, 'case'> {
  const confusion = confusionOf(prediction.data, truth.data);
  const values = foregroundOf(confusion);
  const overlaps = overlapsOf(
    confusion,
    values.map((value) => [value]),
  );
  const dice = meanOf(overlaps.map(diceOf));
  const surfacesOf = fields.every((field) => OVERLAP_FIELDS.includes(field))
    ? null
    : surfacesIn(prediction, truth, values, toleranceMm);
  const classes = values.map((value, index) => {
    const overlap = overlaps[index] as Overlap;
    const scores: ChosenScores =
      surfacesOf === null ? { dice: diceOf(overlap), iou: iouOf(overlap) } : classScores(overlap, surfacesOf(value));
    return [value, whole ? scores : byField(fields, (field) => scores[field] ?? null)] as const;
  });
  return { classes: Object.fromEntries(classes) as ScoredCase['classes'], dice };
}

/** The surface scores of each of these values, whose boxes are found once for all. */
function surfacesIn(prediction: LabelMap, truth: LabelMap, values: readonly number[], toleranceMm: number) {
  const boxes = labelBoxes(prediction.data, truth.data, values, truth.shape);
  const spacingMm = spacingOf(truth.affine);
  return (value: number) =>
    surfaceScores(prediction.data, truth.data, value, truth.shape, spacingMm, toleranceMm, boxes);
}
