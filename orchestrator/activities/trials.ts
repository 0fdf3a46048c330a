import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type TrainResult, ValidationPredictions } from '@voxhelm/contracts/jobs';
import { budgetOf } from '@voxhelm/contracts/run';
import type { TrialState } from '@voxhelm/contracts/trial';
import type { Prisma } from '@voxhelm/prisma/client';
import type { Run, Trial } from '@voxhelm/prisma/generated/client';
import { toJson } from '@voxhelm/prisma/json';
import { readJson } from '@voxhelm/storage/artifact-store';
import type { OrchestratorActivities, TrialOutcome } from '../workflows/activity-interface.ts';
import { runWorkflowId, TRIAL_TO_RUN_SIGNALS, trialWorkflowId } from '../workflows/signals.ts';
import type { Dependencies } from './dependencies.ts';
import { addEvents, changeRun, hasEnded, progressOfTrials, readRun, requestOf } from './run-rows.ts';
import { loadStudy } from './schedule.ts';
import { FINAL_TRIAL_STATES, readTrial, shownDice, trainJobsOf } from './trial-rows.ts';

type TrialActivities = Pick<OrchestratorActivities, 'resumeTrial' | 'finishTrial' | 'releaseTrial' | 'lookAround'>;

/** Open workflows asked about at once. */
const LOOKS_AT_ONCE = 20;

/** Handing a trial to a trainer again, taking it back, and telling the study how it ended. */
export function trialActivities(dependencies: Dependencies): TrialActivities {
  const { db, temporal, now } = dependencies;

  /** Trials that may run at once: as many as there are trainers, never more than a budget of their time was divided among. */
  async function trainersFor(run: Run): Promise<number> {
    const { budget, search } = requestOf(run);
    if (search?.parallel !== undefined) return search.parallel;
    const trainers = Math.max(1, await temporal.countTrainers());
    if (budget === undefined || budgetOf(budget).of === 'wall clock') return trainers;
    return Math.min(trainers, (await loadStudy(db, run.id)).schedule.parallel);
  }

  return {
    async resumeTrial({ trialId, lease }) {
      const trial = await readTrial(db, trialId);
      const run = await readRun(db, trial.runId);
      await changeRun(db, trial.runId, async (transaction) => {
        const { count } = await transaction.trial.updateMany({
          where: { id: trialId, lease: { lte: lease }, state: { in: ['waiting', 'running'] } },
          data: { state: 'running', lease },
        });
        if (count === 0) return;
        await addEvents(transaction, trial.runId, {
          key: `trial.started:${trialId}:${lease}`,
          type: 'trial.resumed',
          message: `Trial ${trial.number + 1} goes on from its last checkpoint.`,
          data: { trialId, number: trial.number, algorithm: trial.algorithm, fold: trial.fold, lease },
        });
      });
      const { schedule } = await loadStudy(db, run.id);
      const [job] = await trainJobsOf(db, run, [{ ...trial, lease }], schedule);
      if (job === undefined) throw new VoxhelmError('internal', `no job was made for trial ${trialId}`);
      return job;
    },

    async finishTrial({ trialId, outcome }) {
      const trial = await readTrial(db, trialId);
      const scores = await caseScores(dependencies, trial, outcome);
      await changeRun(db, trial.runId, async (transaction, run) => {
        const data = trialEnd(outcome, now(), hasEnded(run) || run.state === 'cancelling');
        const { count } = await transaction.trial.updateMany({
          where: { id: trialId, state: { notIn: [...FINAL_TRIAL_STATES] } },
          data,
        });
        if (count === 0) return; // Told before.
        if (scores.length > 0) await transaction.caseScore.createMany({ data: scores, skipDuplicates: true });
        const { bestDice } = data;
        if (!hasEnded(run)) {
          await transaction.run.update({
            where: { id: run.id },
            data: {
              progress: Math.max(run.progress, progressOfTrials(trial.number + 1, run.plannedTrials ?? 0)),
              ...(bestDice !== null && bestDice > (run.bestDice ?? -1) ? { bestDice } : {}),
            },
          });
        }
        await addEvents(transaction, run.id, {
          key: `trial.finished:${trialId}`,
          type: 'trial.finished',
          message: describeEnd(trial, data.state, bestDice, data.reason),
          data: { trialId, number: trial.number, state: data.state, bestDice },
        });
      });
      // After the commit, so that the run finds the trial finished. Told again by a retry: a set forgets an id once.
      await temporal.signal(runWorkflowId(trial.runId), TRIAL_TO_RUN_SIGNALS.trialFinished, trialId);
    },

    async releaseTrial({ trialId, lease }) {
      await db.trial.updateMany({
        where: { id: trialId, lease, state: 'running' },
        data: { state: 'waiting', progress: toJson(null) },
      });
    },

    async lookAround({ runId, trialIds }) {
      const run = await readRun(db, runId);
      const rows = await db.trial.findMany({ where: { id: { in: [...trialIds] } }, select: { id: true, state: true } });
      const ended = new Set(rows.filter(({ state }) => FINAL_TRIAL_STATES.includes(state)).map(({ id }) => id));
      const rest = trialIds.filter((id) => !ended.has(id));
      for (let from = 0; from < rest.length; from += LOOKS_AT_ONCE) {
        await Promise.all(
          rest.slice(from, from + LOOKS_AT_ONCE).map(async (id) => {
            if (await temporal.isOpen(trialWorkflowId(id))) return;
            await db.trial.updateMany({
              where: { id, state: { notIn: [...FINAL_TRIAL_STATES] } },
              data: { state: 'failed', reason: 'its workflow was ended from outside', finishedAt: now() },
            });
            ended.add(id);
          }),
        );
      }
      return { finished: [...ended], parallel: await trainersFor(run) };
    },
  };
}

/** How a trial's row ends. */
function trialEnd(
  outcome: TrialOutcome,
  finishedAt: Date,
  runEnds: boolean,
): Prisma.TrialUncheckedUpdateManyInput & { state: TrialState; reason: string | null; bestDice: number | null } {
  const ended = { finishedAt, progress: toJson(null) };
  if (outcome.kind === 'cancelled') {
    const reason = runEnds ? 'the run was cancelled' : 'stopped by hand; the run goes on without it';
    return { ...ended, state: 'cancelled', reason, bestDice: null };
  }
  if (outcome.kind === 'failed') return { ...ended, state: 'failed', reason: outcome.failure.message, bestDice: null };
  const { result } = outcome;
  return {
    ...ended,
    state: result.outcome,
    reason: result.reason,
    step: result.step,
    bestStep: result.bestStep,
    // The plan as it was trained: what the ensemble, the bundle and other folds go by.
    ...(result.plan === undefined ? {} : { planArtifact: result.plan }),
    bestDice: finite(result.bestDice),
    diceByClass: result.diceByClass,
    checkpoint: toJson(result.best?.artifact ?? null),
    lastCheckpoint: toJson(result.last?.artifact ?? null),
    predictions: toJson(result.predictions),
    trainMs: result.trainMs,
    waitMs: result.waitMs ?? null,
    stepMs: result.stepMs,
    validationMs: result.validationMs,
  };
}

/** A Dice that is no number can never be the best. */
function finite(value: TrainResult['bestDice']): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

/** The scores of a trial's validation cases, with the stored predictions. */
async function caseScores(
  { store }: Dependencies,
  trial: Trial,
  outcome: TrialOutcome,
): Promise<Prisma.CaseScoreCreateManyInput[]> {
  if (outcome.kind !== 'trained' || outcome.result.predictions === null) return [];
  const { cases } = await readJson(store, outcome.result.predictions, ValidationPredictions);
  return cases.map(({ caseId, dice, diceByClass, classes, labelMap, probabilities }) => ({
    ownerId: trial.id,
    caseId,
    runId: trial.runId,
    trialId: trial.id,
    dice,
    scores: { case: caseId, dice, classes: classes ?? diceOnly(diceByClass) },
    labelMap,
    probabilities,
  }));
}

/** What trainers of earlier versions measured of a case: Dice alone. */
function diceOnly(diceByClass: Readonly<Record<string, number | null>>) {
  return Object.fromEntries(
    Object.entries(diceByClass).map(([value, dice]) => [
      value,
      {
        dice,
        iou: dice === null ? null : dice / (2 - dice),
        hdMm: null,
        hd95Mm: null,
        assdMm: null,
        surfaceDice: null,
      },
    ]),
  );
}

function describeEnd(trial: Trial, state: string, bestDice: number | null, reason: string | null): string {
  const name = `Trial ${trial.number + 1} (${trial.algorithm}, fold ${trial.fold})`;
  const dice = bestDice === null ? '' : `, validation Dice ${shownDice(bestDice)}`;
  return `${name} ${state}${dice}${reason === null ? '' : `: ${reason}`}.`;
}
