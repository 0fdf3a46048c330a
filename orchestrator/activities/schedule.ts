import { type PlanOverrides, SearchSettings } from '@voxhelm/contracts/run';
import { Point, TrialState } from '@voxhelm/contracts/trial';
import type { Database, Transaction } from '@voxhelm/prisma/client';
import { fromJson } from '@voxhelm/prisma/json';
import type { Study, StudyTrial } from '@voxhelm/search/study';
import { z } from 'zod';

/** How the run's time was laid out, and (after the search) which configurations train on the other folds: JSON of Study.schedule. */
export const Schedule = z.object({
  allocation: z.object({
    folds: z.number().int(),
    splits: z.number().int(),
    searchTrials: z.number().int(),
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
      probe: z.object({ stepMs: z.number(), predictCaseMs: z.number(), startMs: z.number() }),
      planSteps: z.number().int(),
    }),
  ),
  /** Steps that the user fixed; null: the budget decides. */
  steps: z.number().int().nullable(),
  trainingCases: z.number().int(),
  parallel: z.number().int(),
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
      settings: { sampler: settings.sampler, pruner: settings.pruner, trials: schedule.allocation.searchTrials },
      seed: row.seed,
      firstPoints: fromJson('Study.firstPoints', z.array(Point), row.firstPoints),
      trials: [],
    },
  };
}

/** The search trials of a run as the study sees them, without their reports. */
export async function loadStudyTrials(database: Transaction | Database, runId: string): Promise<StudyTrial[]> {
  const rows = await database.trial.findMany({
    where: { runId, kind: 'search' },
    orderBy: { number: 'asc' },
    select: { number: true, point: true, steps: true, state: true, bestDice: true },
  });
  return rows.map(({ number, point, steps, state, bestDice }) => ({
    number,
    point: fromJson('Trial.point', Point, point),
    steps,
    state: fromJson('Trial.state', TrialState, state),
    value: bestDice,
    reports: [],
  }));
}

/** The steps that the user fixed for an algorithm: `plan.steps`, or those of a whole edited plan. */
export function fixedSteps(
  overrides: PlanOverrides,
  algorithms: readonly { name: string; planSteps: number }[],
): number | null {
  if (overrides.steps !== undefined) return overrides.steps;
  const [only, ...others] = algorithms;
  const edited = only !== undefined && overrides.plans !== undefined && Object.hasOwn(overrides.plans, only.name);
  return edited && others.length === 0 ? only.planSteps : null;
}
