import { ArtifactRef } from '@voxhelm/contracts/artifact';
import type { CostMeasure, ParetoFront, SearchInsight } from '@voxhelm/contracts/insight';
import { SearchSettings } from '@voxhelm/contracts/run';
import { AskRecord, Point, TrialState } from '@voxhelm/contracts/trial';
import type { Database } from '@voxhelm/prisma/client';
import type { Study, Trial } from '@voxhelm/prisma/generated/client';
import { fromJson, fromJsonOrNull } from '@voxhelm/prisma/json';
import { isOverRungs } from '@voxhelm/search/fidelity/schedule';
import { importances } from '@voxhelm/search/insight/importance';
import { hypervolume, paretoFront } from '@voxhelm/search/insight/pareto';
import type { SearchSpace } from '@voxhelm/search/space';
import { z } from 'zod';
import { notFound } from './errors.ts';

/** What of a study's stored schedule is shown. */
const ShownSchedule = z.object({ allocation: z.object({ searchTrials: z.number().int() }) });

/** A run's study as people look at it; throws `not-found` where there is no run. A run that was not planned yet has no trials. */
export async function searchInsight(database: Database, runId: string): Promise<SearchInsight> {
  const run = await database.run.findUnique({
    where: { id: runId },
    select: { study: true, trials: { where: { kind: 'search' }, orderBy: { number: 'asc' } } },
  });
  if (run === null) throw notFound('run', runId);
  const { study, trials } = run;
  const settings = fromJson('Study.settings', SearchSettings, study?.settings ?? {});
  const finished = trials.filter(isFinished);
  const best = finished.reduce<Scored | null>((a, b) => (a === null || b.bestDice > a.bestDice ? b : a), null);
  return {
    sampler: settings.sampler,
    pruner: settings.pruner,
    plannedTrials: isOverRungs(settings.pruner)
      ? null
      : (fromJsonOrNull('Study.schedule', ShownSchedule, study?.schedule)?.allocation.searchTrials ?? null),
    best:
      best === null
        ? null
        : {
            trialId: best.id,
            number: best.number,
            value: best.bestDice,
            point: fromJson('Trial.point', Point, best.point),
          },
    history: history(trials),
    importance: study === null ? [] : importance(study, lastOfEach(finished)),
    rungs: rungs(trials),
    pareto: [pareto('trainSeconds', finished, secondsOf), pareto('bundleBytes', finished, bytesOf)],
  };
}

/** A trial with a score. */
type Scored = Trial & { readonly bestDice: number };

function isFinished(trial: Trial): trial is Scored {
  return ['completed', 'pruned'].includes(trial.state) && trial.bestDice !== null;
}

/** Of trials that went on from one another, the last: a configuration counts once. */
function lastOfEach(trials: readonly Scored[]): Scored[] {
  const continued = new Set(trials.map(({ sourceTrialId }) => sourceTrialId));
  return trials.filter(({ id }) => !continued.has(id));
}

function history(trials: readonly Trial[]): SearchInsight['history'] {
  let best: number | null = null;
  return trials.map((trial) => {
    if (isFinished(trial) && (best === null || trial.bestDice > best)) best = trial.bestDice;
    return {
      trialId: trial.id,
      number: trial.number,
      algorithm: trial.algorithm,
      state: fromJson('Trial.state', TrialState, trial.state),
      value: trial.bestDice,
      best,
      step: trial.step,
      continues: trial.sourceTrialId,
      source: fromJsonOrNull('Trial.asked', AskRecord, trial.asked)?.source ?? null,
    };
  });
}

function importance(study: Study, trials: readonly Scored[]): SearchInsight['importance'] {
  const scored = trials.map(({ point, bestDice }) => ({
    point: fromJson('Trial.point', Point, point),
    loss: -bestDice,
  }));
  return importances(study.space as SearchSpace, scored, study.seed);
}

function rungs(trials: readonly Trial[]): SearchInsight['rungs'] {
  const promotedTo = new Map(trials.map(({ id, sourceTrialId }) => [sourceTrialId, id]));
  const lengths = [...new Set(trials.map(({ steps }) => steps))].sort((a, b) => a - b);
  return lengths.map((steps) => ({
    steps,
    trials: trials
      .filter((trial) => trial.steps === steps)
      .sort((a, b) => (b.bestDice ?? -1) - (a.bestDice ?? -1))
      .map((trial) => ({
        trialId: trial.id,
        number: trial.number,
        algorithm: trial.algorithm,
        state: fromJson('Trial.state', TrialState, trial.state),
        value: trial.bestDice,
        promotedTo: promotedTo.get(trial.id) ?? null,
      })),
  }));
}

function secondsOf({ trainMs, validationMs }: Trial): number | null {
  return trainMs === null ? null : (trainMs + (validationMs ?? 0)) / 1000;
}

function bytesOf({ checkpoint }: Trial): number | null {
  return fromJsonOrNull('Trial.checkpoint', ArtifactRef, checkpoint)?.bytes ?? null;
}

function pareto(cost: CostMeasure, trials: readonly Scored[], costOf: (trial: Trial) => number | null): ParetoFront {
  const compared = trials.flatMap((trial) => {
    const value = costOf(trial);
    return value === null ? [] : [{ trialId: trial.id, number: trial.number, dice: trial.bestDice, cost: value }];
  });
  const dearest = Math.max(...compared.map((trial) => trial.cost), 0);
  const losses = compared.map(({ dice, cost: own }) => [own, -dice]);
  const front = paretoFront(losses).map((i) => compared[i]?.number ?? 0);
  const scaled = compared.map(({ dice, cost: own }) => [own / dearest, 1 - dice]);
  // The dearest trial saves nothing: the reference lies a hundredth beyond it, so that it counts too.
  const volume = dearest > 0 ? hypervolume(scaled, [1.01, 1]) / 1.01 : null;
  return { cost, trials: compared, front, hypervolume: volume === null ? null : Math.min(1, Math.max(0, volume)) };
}
