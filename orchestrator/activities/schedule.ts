import { type PlanOverrides, RunRequest, SearchSettings } from '@voxhelm/contracts/run';
import { Retraining } from '@voxhelm/contracts/schedule';
import { Point, TrialState } from '@voxhelm/contracts/trial';
import type { Database, Transaction } from '@voxhelm/prisma/client';
import type { Run } from '@voxhelm/prisma/generated/client';
import { fromJson, fromJsonOrNull } from '@voxhelm/prisma/json';
import {
  expectedConfigurations,
  type Fidelity,
  fidelityFor,
  isOverRungs,
  WHOLE,
} from '@voxhelm/search/fidelity/schedule';
import type { Study, StudySettings, StudyTrial } from '@voxhelm/search/study';
import { z } from 'zod';

/** How the run's time was laid out, and (after the search) which configurations train on the other folds: JSON of Study.schedule. */
export const Schedule = z.object({
  allocation: z.object({
    folds: z.number().int(),
    splits: z.number().int(),
    searchTrials: z.number().int(),
    looks: z.boolean().optional(),
    searchSteps: z.number().int(),
    searchStepsByAlgorithm: z.record(z.string(), z.number().int()).optional(),
    foldSteps: z.number().int(),
    ensembleReserveMs: z.number().nullable(),
    marginMs: z.number().nullable(),
    reasons: z.record(z.string(), z.string()),
  }),
  /** By algorithm: what the probe measured and the steps of its own plan. */
  algorithms: z.record(
    z.string(),
    z.object({
      probe: z.object({
        stepMs: z.number(),
        predictCaseMs: z.number(),
        fuseCaseMs: z.number().optional(),
        startMs: z.number(),
        searchMs: z.number().optional(),
      }),
      planSteps: z.number().int(),
    }),
  ),
  /** Steps that the user fixed; null: the budget decides. */
  steps: z.number().int().nullable(),
  trainingCases: z.number().int(),
  /** Labelled ones; runs of before 25 November did not write them down. */
  testCases: z.number().int().optional(),
  parallel: z.number().int(),
  /** Trials taken over from another run: the first ones. */
  kept: z.number().int().nonnegative().default(0),
  /** null while the search goes on. Trial number `firstNumber + i` is `trials[i]`. */
  folds: z
    .object({
      firstNumber: z.number().int(),
      trials: z.array(
        z.object({ sourceTrialId: z.string(), algorithm: z.string(), fold: z.number().int(), point: Point }),
      ),
    })
    .nullable(),
});
export type Schedule = z.infer<typeof Schedule>;

/** The study's row, parsed. */
export interface StoredStudy {
  readonly schedule: Schedule;
  /** Without its trials: {@link loadStudyTrials} has them. */
  readonly study: Study;
}

/** Reads a run's study; rejects where planning has not made it yet. */
export async function loadStudy(database: Transaction | Database, runId: string): Promise<StoredStudy> {
  const row = await database.study.findUniqueOrThrow({ where: { runId } });
  const settings = fromJson('Study.settings', SearchSettings, row.settings);
  const schedule = fromJson('Study.schedule', Schedule, row.schedule);
  return {
    schedule,
    study: {
      schemaVersion: 1,
      space: row.space as Study['space'],
      settings: studySettings(settings, schedule),
      seed: row.seed,
      firstPoints: fromJson('Study.firstPoints', z.array(Point), row.firstPoints),
      trials: [],
    },
  };
}

/** How a run's study searches. */
export function studySettings(
  { sampler, pruner }: Pick<SearchSettings, 'sampler' | 'pruner'>,
  { allocation }: Pick<Schedule, 'allocation'>,
): StudySettings {
  const trials = allocation.searchTrials;
  if (!isOverRungs(pruner)) return { sampler, pruner, trials };
  const fidelity = fidelityFor(pruner, trials);
  return { sampler, pruner, trials: expectedConfigurations(fidelity) ?? trials, fidelity };
}

/** Steps of an algorithm's whole search training. */
export function wholeSteps({ steps, allocation, algorithms }: Schedule, algorithm: string): number {
  const planSteps = algorithms[algorithm]?.planSteps ?? Number.POSITIVE_INFINITY;
  const planned = allocation.searchStepsByAlgorithm?.[algorithm] ?? allocation.searchSteps;
  return steps ?? Math.min(planned, planSteps);
}

/**
 * The search trials of a run as the study sees them: with the curves of those that were stopped, which are continued for the
 * samplers, and of all where they begin short. There, steps count in thousandths of the algorithm's whole training, so that
 * algorithms with other lengths share the rungs.
 */
export async function loadStudyTrials(
  database: Transaction | Database,
  runId: string,
  { study, schedule }: StoredStudy,
): Promise<StudyTrial[]> {
  const { fidelity } = study.settings;
  const rows = await database.trial.findMany({
    where: { runId, kind: 'search' },
    orderBy: { number: 'asc' },
    select: {
      id: true,
      number: true,
      point: true,
      algorithm: true,
      steps: true,
      state: true,
      bestDice: true,
      sourceTrialId: true,
    },
  });
  const withCurves = rows.filter(({ state }) => fidelity !== undefined || state === 'pruned');
  const values = await database.intermediateValue.findMany({
    where: { trialId: { in: withCurves.map(({ id }) => id) } },
    orderBy: { step: 'asc' },
    select: { trialId: true, step: true, value: true },
  });
  const curves = new Map<string, typeof values>();
  for (const one of values) curves.set(one.trialId, [...(curves.get(one.trialId) ?? []), one]);
  const numberOf = new Map(rows.map(({ id, number }) => [id, number]));
  return rows.map(({ id, number, point, algorithm, steps, state, bestDice, sourceTrialId }) => {
    const share = fidelity === undefined ? 1 : WHOLE / wholeSteps(schedule, algorithm);
    const trial = {
      number,
      point: fromJson('Trial.point', Point, point),
      steps: fidelity === undefined ? steps : nearestRung(fidelity, steps * share),
      state: fromJson('Trial.state', TrialState, state),
      value: bestDice,
      reports: (curves.get(id) ?? []).map(({ step, value }) => [step * share, value] as const),
    };
    const continues = sourceTrialId === null ? undefined : numberOf.get(sourceTrialId);
    return continues === undefined ? trial : { ...trial, continues };
  });
}

/** Steps were rounded up to whole ones. */
function nearestRung({ rungs }: Fidelity, steps: number): number {
  return rungs.reduce((a, b) => (Math.abs(b - steps) < Math.abs(a - steps) ? b : a));
}

/**
 * The steps that the user fixed for an algorithm: `plan.steps`, or those of a whole edited plan. A plan that a retraining takes
 * over from the champion fixes none.
 */
export function fixedSteps(
  { request, retraining }: Pick<Run, 'request' | 'retraining'>,
  algorithms: readonly { name: string; planSteps: number }[],
): number | null {
  const overrides: PlanOverrides = fromJson('Run.request', RunRequest, request).plan ?? {};
  if (overrides.steps !== undefined) return overrides.steps;
  if ((fromJsonOrNull('Run.retraining', Retraining, retraining)?.startFrom ?? null) !== null) return null;
  const [only, ...others] = algorithms;
  const edited = only !== undefined && overrides.plans !== undefined && Object.hasOwn(overrides.plans, only.name);
  return edited && others.length === 0 ? only.planSteps : null;
}
