import { VoxhelmError } from '@voxhelm/contracts/errors';
import { METRIC_NAMES, type Metric } from '@voxhelm/contracts/metrics';
import { nearest } from '@voxhelm/contracts/nearest';
import { evaluateFolders } from '@voxhelm/imaging/metrics/evaluate-folders';
import type { EvaluateOptions } from '../main.ts';
import { printEvaluation } from '../output/evaluation.ts';

const DEFAULT_TOLERANCE_MM = 1;

/** Scores a folder of label maps against another. */
export async function evaluate(options: EvaluateOptions): Promise<number> {
  const metrics = options.metrics === undefined ? undefined : metricsOf(options.metrics);
  const toleranceMm = toleranceOf(options.toleranceMm, metrics);
  const chosen = metrics === undefined ? {} : { metrics };
  const evaluation = await evaluateFolders(options.pred, options.labels, toleranceMm, chosen);
  if (options.json === true) process.stdout.write(`${JSON.stringify(evaluation)}\n`);
  else printEvaluation(evaluation);
  return 0;
}

/** The metrics of a list with commas, in whatever case. Throws `invalid-request` naming each word that is none, with the nearest. */
export function metricsOf(list: string): Metric[] {
  const words = list
    .split(',')
    .map((word) => word.trim().toLowerCase())
    .filter(Boolean);
  const unknown = words.filter((word) => !isMetric(word));
  if (words.length > 0 && unknown.length === 0) return words.filter(isMetric);
  const said = unknown.map((word) => {
    const near = nearest(word, METRIC_NAMES);
    return `there is no metric "${word}"${near === undefined ? '' : ` (did you mean "${near}"?)`}`;
  });
  throw new VoxhelmError('invalid-request', `--metrics: ${said.join(', ') || 'names none'}`, {
    fix: `Metrics are ${METRIC_NAMES.join(', ')}; leave --metrics out for all.`,
  });
}

function isMetric(word: string): word is Metric {
  return METRIC_NAMES.some((name) => name === word);
}

function toleranceOf(given: string | undefined, metrics: readonly Metric[] | undefined): number {
  if (given === undefined) return DEFAULT_TOLERANCE_MM;
  const toleranceMm = Number(given);
  if (given.trim() === '' || !(toleranceMm >= 0) || toleranceMm === Number.POSITIVE_INFINITY) {
    throw new VoxhelmError('invalid-request', `--tolerance-mm "${given}" is no distance in mm`, {
      fix: 'Give a number from 0, for example 1.',
    });
  }
  if (metrics !== undefined && !metrics.includes('surface-dice')) {
    throw new VoxhelmError('invalid-request', '--tolerance-mm is of the surface Dice, which --metrics leaves out', {
      fix: 'Add surface-dice to --metrics, or leave --tolerance-mm out.',
    });
  }
  return toleranceMm;
}
