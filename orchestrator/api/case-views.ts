import type { RunCase, RunCases } from '@voxhelm/contracts/api-cases';
import { LabelDefinition } from '@voxhelm/contracts/dataset';
import { CaseScores } from '@voxhelm/contracts/evaluation';
import type { Database } from '@voxhelm/prisma/client';
import { fromJson, fromJsonOrNull } from '@voxhelm/prisma/json';
import { z } from 'zod';
import { notFound } from './errors.ts';

const Numbers = z.array(z.number());
const Labels = z.array(LabelDefinition);

/** A run's cases with what each model makes of them. Throws `not-found`. */
export async function runCases(database: Database, runId: string): Promise<RunCases> {
  const run = await database.run.findUnique({
    where: { id: runId },
    select: {
      analysis: {
        select: {
          labels: true,
          cases: { where: { valid: true, role: { not: 'unlabelled' } }, orderBy: { position: 'asc' } },
        },
      },
      trials: { orderBy: { number: 'asc' }, select: { id: true, number: true, algorithm: true, fold: true } },
    },
  });
  if (run === null) throw notFound('run', runId);
  const scores = await database.caseScore.findMany({ where: { runId } });
  const byCase = new Map<string, typeof scores>();
  for (const score of scores) byCase.set(score.caseId, [...(byCase.get(score.caseId) ?? []), score]);
  const cases = (run.analysis?.cases ?? []).map((each): RunCase => {
    return {
      caseId: each.caseId,
      role: each.role === 'testing' ? 'testing' : 'training',
      channels: Array.isArray(each.images) ? each.images.length : 1,
      labelled: each.label !== null,
      shape: fromJsonOrNull('DatasetCase.shape', Numbers, each.shape),
      spacingMm: fromJsonOrNull('DatasetCase.spacingMm', Numbers, each.spacingMm),
      results: (byCase.get(each.caseId) ?? []).map((row) => ({
        model: row.trialId ?? 'ensemble',
        scores: fromJson('CaseScore.scores', CaseScores, row.scores),
        probabilities: row.probabilities !== null,
      })),
    };
  });
  const scored = new Set(scores.map(({ trialId }) => trialId ?? 'ensemble'));
  return {
    labels: run.analysis === null ? [] : fromJson('Analysis.labels', Labels, run.analysis.labels),
    models: [
      ...(scored.has('ensemble') ? [{ id: 'ensemble', name: 'Ensemble', number: null }] : []),
      ...run.trials
        .filter(({ id }) => scored.has(id))
        .map(({ id, number, algorithm, fold }) => ({
          id,
          name: `Trial ${number + 1} (${algorithm}, fold ${fold})`,
          number,
        })),
    ],
    cases,
  };
}
