import { VoxhelmError } from '@voxhelm/contracts/errors';
import { Point } from '@voxhelm/contracts/trial';
import type { Transaction } from '@voxhelm/prisma/client';
import type { Run, Trial } from '@voxhelm/prisma/generated/client';
import { fromJson } from '@voxhelm/prisma/json';
import { foldTrainings, reserveOnceFound } from '@voxhelm/search/budget';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import type { Dependencies } from './dependencies.ts';
import { addEvents, changeRun } from './run-rows.ts';
import { loadStudy, type Schedule } from './schedule.ts';
import { shownDice } from './trial-rows.ts';

/** The end of the search: the winner trains on the other folds. */
export function foldActivities({ db }: Dependencies): Pick<OrchestratorActivities, 'planFolds'> {
  return {
    async planFolds({ runId }) {
      const failure = await changeRun(db, runId, async (transaction, run) => {
        const { schedule } = await loadStudy(transaction, runId);
        if (schedule.folds !== null) return null;
        const best = await bestSearchTrial(transaction, runId);
        if (best === null) return noTrialSucceeded(transaction, runId);
        const planned = await planFoldTrials(transaction, run, schedule, best);
        const message = `The search is done: trial ${best.number + 1} is best (Dice ${shownDice(best.bestDice)}); it now trains on ${planned} ${schedule.allocation.looks === true ? 'folds, whole' : 'other folds'}.`;
        await transaction.run.update({
          where: { id: runId },
          data: { stage: 'folds', message, plannedTrials: best.nextNumber + planned },
        });
        await addEvents(transaction, runId, {
          key: 'stage:folds',
          type: 'stage.changed',
          message,
          data: { stage: 'folds' },
        });
        return null;
      });
      if (failure !== null) throw failure;
    },
  };
}

/** The search trial that the other folds repeat: highest validation Dice of those with a model; the earlier of equals. */
export async function bestSearchTrial(transaction: Transaction, runId: string) {
  const rows = await transaction.trial.findMany({ where: { runId, kind: 'search' }, orderBy: { number: 'asc' } });
  const withModel = rows.filter(({ state, bestDice, checkpoint, predictions }) => {
    return ['completed', 'pruned'].includes(state) && bestDice !== null && checkpoint !== null && predictions !== null;
  });
  const [first, ...others] = withModel;
  if (first === undefined) return null;
  const best = others.reduce((a, b) => ((b.bestDice ?? 0) > (a.bestDice ?? 0) ? b : a), first);
  return { ...best, nextNumber: 1 + Math.max(...rows.map(({ number }) => number)) };
}

/** Writes down which trials follow the search; returns their number. */
async function planFoldTrials(
  transaction: Transaction,
  run: Run,
  schedule: Schedule,
  best: Trial & { readonly nextNumber: number },
): Promise<number> {
  const { folds } = schedule.allocation;
  const length = foldTrainings(schedule.allocation);
  const trials = Array.from({ length }, (_, index) => ({
    sourceTrialId: best.id,
    algorithm: best.algorithm,
    fold: index + folds - length,
    point: fromJson('Trial.point', Point, best.point),
  }));
  const allocation = { ...schedule.allocation, ensembleReserveMs: reserveOf(schedule, best.algorithm) };
  const planned: Schedule = { ...schedule, allocation, folds: { firstNumber: best.nextNumber, trials } };
  await transaction.study.update({ where: { runId: run.id }, data: { schedule: planned } });
  return trials.length;
}

/** What the ensemble needs now that the winner is known. */
function reserveOf({ allocation, algorithms, trainingCases, testCases }: Schedule, winner: string): number | null {
  if (testCases === undefined) return allocation.ensembleReserveMs;
  const measured = Object.entries(algorithms).map(([name, one]) => ({ name, ...one }));
  return reserveOnceFound(allocation, measured, winner, trainingCases, testCases);
}

/** The failure of a run of which no trial left a model: names the most frequent cause. */
async function noTrialSucceeded(transaction: Transaction, runId: string): Promise<VoxhelmError> {
  const trials = await transaction.trial.findMany({ where: { runId }, select: { state: true, reason: true } });
  const causes = new Map<string, number>();
  for (const { state, reason } of trials) {
    const cause = `${state}: ${reason ?? 'it left no validated checkpoint'}`;
    causes.set(cause, (causes.get(cause) ?? 0) + 1);
  }
  const [top] = [...causes.entries()].sort((a, b) => b[1] - a[1]);
  const told = top === undefined ? 'no trial was begun' : `${top[1]} of ${trials.length} ${top[0]}`;
  const diverged = trials.length > 0 && trials.every(({ state }) => state === 'diverged');
  return new VoxhelmError(diverged ? 'diverged' : 'conflict', `no trial left a model (${told})`, {
    fix: 'Look at the trials of the run. Where they diverged, lower learningRate or give a gradientClipNorm; where they were killed, more memory helps.',
    details: { causes: Object.fromEntries(causes) },
  });
}
