import { writeFile } from 'node:fs/promises';
import type { RunDetail } from '@voxhelm/contracts/api';

/**
 * Writes out/demo/report.json: the run's time without set-up, its trials, its ensemble and the ensemble's scores on the
 * test cases, which no training saw.
 */
export async function writeReport(
  path: string,
  run: RunDetail,
  bundle: { path: string; bytes: number; sha256: string },
  wallSeconds: number,
): Promise<void> {
  const test = run.scores.test;
  const byClass = (pick: 'dice' | 'hd95Mm'): Record<string, number | null> =>
    Object.fromEntries(Object.entries(test?.mean.classes ?? {}).map(([label, scores]) => [label, scores[pick]]));
  const report = {
    schemaVersion: 1,
    runId: run.id,
    name: run.name,
    wallSeconds,
    device: run.device,
    trials: run.trials.map(
      ({ number, kind, algorithm, fold, state, step, bestStep, bestDice, diceByClass, point }) => ({
        number,
        kind,
        algorithm,
        fold,
        state,
        step,
        bestStep,
        bestDice,
        diceByClass,
        point,
      }),
    ),
    ensemble: {
      members: run.ensemble?.members ?? [],
      rule: run.ensemble?.plan.chosen.rule ?? null,
      fusion: run.ensemble?.plan.chosen.fusion ?? null,
      validationDice: run.ensemble?.plan.chosen.validationDice ?? null,
      dice: { mean: test?.mean.dice ?? null, byClass: byClass('dice'), worst: test?.worst ?? null },
      hd95Mm: { mean: test?.mean.hd95Mm ?? null, byClass: byClass('hd95Mm') },
      testCases: test?.cases ?? [],
    },
    bundle,
  };
  await writeFile(path, `${JSON.stringify(report, null, 1)}\n`);
}
