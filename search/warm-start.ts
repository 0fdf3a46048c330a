import type { Point } from '@voxhelm/contracts/trial';
import { checkPoint, type Parameter } from './space.ts';

/*
 * Warm starts: what did best on similar datasets is tried early (as in auto-sklearn, Feurer et al. 2015).
 */

/** What of a dataset tells how similar another one is. */
export interface DatasetFeatures {
  readonly modalities: readonly string[];
  readonly classes: number;
  readonly cases: number;
  /** Median spacing (mm) and shape (voxels) by axis. */
  readonly spacingMm: readonly number[];
  readonly shape: readonly number[];
}

/** An earlier study: its dataset and its finished trials, higher values better. */
export interface EarlierStudy {
  readonly features: DatasetFeatures;
  readonly trials: readonly { readonly point: Readonly<Point>; readonly value: number }[];
}

/** Studies looked at, points taken of each, and the share of the trials that they may be. */
const NEAREST_STUDIES = 3;
const POINTS_EACH = 3;
const MOST_SHARE = 0.3;
/** Beyond this distance two datasets have nothing in common: another modality alone is as much. */
const FAR = 2;

/** Distance of two datasets: modality, and logarithmic differences of spacing, shape, classes and cases. */
export function datasetDistance(a: DatasetFeatures, b: DatasetFeatures): number {
  const log = (x: number, y: number) => Math.abs(Math.log(Math.max(x, 1e-9) / Math.max(y, 1e-9)));
  const axes = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, k) => sum + log(value, y[k] ?? value), 0) / Math.max(1, x.length);
  const modality = JSON.stringify(a.modalities) === JSON.stringify(b.modalities) ? 0 : FAR;
  return (
    modality +
    axes(a.spacingMm, b.spacingMm) +
    0.5 * axes(a.shape, b.shape) +
    0.5 * log(a.classes, b.classes) +
    0.1 * log(a.cases, b.cases)
  );
}

/** The best points of the nearest earlier studies that are possible here, nearest study first, each once, at most 30 % of the trials. */
export function warmPoints(
  own: DatasetFeatures,
  earlier: readonly EarlierStudy[],
  parameters: readonly Parameter[],
  trials: number,
): Point[] {
  const near = earlier
    .map((study) => ({ study, far: datasetDistance(own, study.features) }))
    .filter(({ far }) => far < FAR)
    .sort((a, b) => a.far - b.far)
    .slice(0, NEAREST_STUDIES);
  const candidates = near.flatMap(({ study }) =>
    [...study.trials]
      .sort((a, b) => b.value - a.value)
      .map(({ point }) => point)
      .filter((point) => isPossible(parameters, point))
      .slice(0, POINTS_EACH),
  );
  const once = new Map(candidates.map((point) => [JSON.stringify(Object.entries(point).sort()), { ...point }]));
  return [...once.values()].slice(0, Math.floor(MOST_SHARE * trials));
}

function isPossible(parameters: readonly Parameter[], point: Readonly<Point>): boolean {
  try {
    checkPoint(parameters, point);
    return true;
  } catch {
    return false;
  }
}
