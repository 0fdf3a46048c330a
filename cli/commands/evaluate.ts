import { VoxhelmError } from '@voxhelm/contracts/errors';
import { evaluateFolders } from '@voxhelm/imaging/metrics/evaluate';
import type { EvaluateOptions } from '../main.ts';
import { printEvaluation } from '../output/evaluation.ts';

/** Scores a folder of label maps against another. */
export async function evaluate(options: EvaluateOptions): Promise<number> {
  const toleranceMm = Number(options.toleranceMm);
  if (options.toleranceMm.trim() === '' || !(toleranceMm >= 0) || toleranceMm === Number.POSITIVE_INFINITY) {
    throw new VoxhelmError('invalid-request', `--tolerance-mm "${options.toleranceMm}" is no distance in mm`, {
      fix: 'Give a number from 0, for example 1.',
    });
  }
  const evaluation = await evaluateFolders(options.pred, options.labels, toleranceMm);
  if (options.json === true) process.stdout.write(`${JSON.stringify(evaluation)}\n`);
  else printEvaluation(evaluation);
  return 0;
}
