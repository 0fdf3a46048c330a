import { plannerOf } from '@voxhelm/algorithms/planners';
import { ArtifactRef } from '@voxhelm/contracts/artifact';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type TrainJob, type TrainResult, ValidationPredictions } from '@voxhelm/contracts/jobs';
import { Plan } from '@voxhelm/contracts/plan';
import { Point, type TrialState } from '@voxhelm/contracts/trial';
import type { Prisma, Transaction } from '@voxhelm/prisma/client';
import type { Run, Trial } from '@voxhelm/prisma/generated/client';
import { newId } from '@voxhelm/prisma/ids';
import { fromJson, fromJsonOrNull, toJson } from '@voxhelm/prisma/json';
import { type FinishedTraining, SMALLEST_STEPS, stepsForNextTrial } from '@voxhelm/search/budget';
import { ask } from '@voxhelm/search/study';
import { validationCases, validationInterval } from '@voxhelm/search/training-time';
import { readJson, writeJson } from '@voxhelm/storage/artifact-store';
import type { AskInput, OrchestratorActivities, TrialOutcome } from '../workflows/activity-interface.ts';
import { trialWorkflowId } from '../workflows/signals.ts';
import type { Dependencies } from './dependencies.ts';
import { addEvents, changeRun, hasEnded, progressOfTrials, readRun, remainingMs, requestOf } from './run-rows.ts';
import { loadStudy, loadStudyTrials, type Schedule, type StoredStudy } from './schedule.ts';

type StudyActivities = Pick<
  OrchestratorActivities,
  'askTrials' | 'prepareTrial' | 'finishTrial' | 'releaseTrial' | 'planFolds' | 'lookAround'
>;

const FINAL_TRIAL_STATES: readonly string[] = ['completed', 'pruned', 'diverged', 'failed', 'cancelled'];

/** Open workflows asked about at once. */
const LOOKS_AT_ONCE = 20;

/** The study: asking for trials, handing them to trainers, and telling how they ended. */
export function studyActivities(dependencies: Dependencies): StudyActivities {
  const { db, store, temporal, now } = dependencies;
  return {
    async askTrials(input) {
      const { runId, fromNumber, count, kind } = input;
      return changeRun(db, runId, async (transaction, run) => {
        const known = await transaction.trial.findMany({
          where: { runId, kind, number: { gte: fromNumber, lt: fromNumber + count } },
          orderBy: { number: 'asc' },
          select: { id: true },
        });
        const trialIds = known.map(({ id }) => id);
        if (trialIds.length === count || hasEnded(run)) return { trialIds };
        const stored = await loadStudy(transaction, runId);
        const rows = await nextTrials(transaction, run, stored, input, fromNumber + known.length, now());
        if (rows.length > 0) await transaction.trial.createMany({ data: rows });
        return { trialIds: [...trialIds, ...rows.map(({ id }) => id)] };
      });
    },

    async prepareTrial({ trialId, lease }) {
      const trial = await readTrial(db, trialId);
      const run = await readRun(db, trial.runId);
      const { runId, algorithm, fold } = trial;
      const planArtifact =
        fromJsonOrNull('Trial.planArtifact', ArtifactRef, trial.planArtifact) ??
        (await writeJson(store, `runs/${runId}/trials/${trialId}/plan.json`, await planOf(dependencies, trial)));
      await changeRun(db, runId, async (transaction, locked) => {
        const { count } = await transaction.trial.updateMany({
          where: { id: trialId, lease: { lte: lease }, state: { in: ['waiting', 'running'] } },
          data: { state: 'running', lease, planArtifact, startedAt: trial.startedAt ?? now() },
        });
        if (count === 0 || hasEnded(locked)) return;
        const message = `Trial ${trial.number + 1} of ${locked.plannedTrials ?? '?'}: training ${algorithm} on fold ${fold}, ${trial.steps} steps.`;
        if (locked.state === 'running') {
          await transaction.run.update({ where: { id: runId }, data: { message } });
        }
        await addEvents(transaction, runId, {
          key: `trial.started:${trialId}:${lease}`,
          type: lease === 1 ? 'trial.started' : 'trial.resumed',
          message: lease === 1 ? message : `Trial ${trial.number + 1} goes on from its last checkpoint.`,
          data: { trialId, number: trial.number, algorithm, fold, lease },
        });
      });
      const job: TrainJob = {
        kind: 'train',
        runId,
        trialId,
        plan: planArtifact,
        cases: fromJson('Run.casesArtifact', ArtifactRef, run.casesArtifact),
        fold,
        seed: trial.seed,
        lease,
        artifactPrefix: `runs/${runId}/trials/${trialId}/`,
        prunable: trial.kind === 'search' && requestOf(run).search?.pruner !== 'none',
      };
      return job;
    },

    async finishTrial({ trialId, outcome }) {
      const trial = await readTrial(db, trialId);
      const scores = await caseScores(dependencies, trial, outcome);
      await changeRun(db, trial.runId, async (transaction, run) => {
        const data = trialEnd(outcome, now());
        const { count } = await transaction.trial.updateMany({
          where: { id: trialId, state: { notIn: [...FINAL_TRIAL_STATES] } },
          data,
        });
        if (count === 0) return; // Told before.
        if (scores.length > 0) await transaction.caseScore.createMany({ data: scores, skipDuplicates: true });
        const finished = await transaction.trial.count({
          where: { runId: run.id, state: { in: [...FINAL_TRIAL_STATES] } },
        });
        const { bestDice } = data;
        if (!hasEnded(run)) {
          await transaction.run.update({
            where: { id: run.id },
            data: {
              progress: progressOfTrials(finished, run.plannedTrials ?? finished),
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
    },

    async releaseTrial({ trialId, lease }) {
      await db.trial.updateMany({
        where: { id: trialId, lease, state: 'running' },
        data: { state: 'waiting', progress: toJson(null) },
      });
    },

    async planFolds({ runId }) {
      const failure = await changeRun(db, runId, async (transaction, run) => {
        const { schedule } = await loadStudy(transaction, runId);
        if (schedule.folds !== null) return null;
        const best = await bestSearchTrial(transaction, runId);
        if (best === null) return noTrialSucceeded(transaction, runId);
        const planned = await planFoldTrials(transaction, run, schedule, best);
        const message = `The search is done: trial ${best.number + 1} is best (Dice ${shown(best.bestDice)}); it now trains on ${planned} other folds.`;
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
      const parallel = requestOf(run).search?.parallel ?? Math.max(1, await temporal.countTrainers());
      return { finished: [...ended], parallel };
    },
  };
}

async function readTrial(db: Transaction, trialId: string): Promise<Trial> {
  const trial = await db.trial.findUnique({ where: { id: trialId } });
  if (trial === null) throw new VoxhelmError('not-found', `there is no trial ${trialId}`);
  return trial;
}

/** Rows for the trials from `number` on; fewer than asked for where the plan or the time ends. */
async function nextTrials(
  transaction: Transaction,
  run: Run,
  stored: StoredStudy,
  { kind, fromNumber, count }: AskInput,
  number: number,
  now: Date,
): Promise<Prisma.TrialCreateManyInput[]> {
  const { schedule } = stored;
  const study =
    kind === 'search' ? { ...stored.study, trials: await loadStudyTrials(transaction, run.id) } : stored.study;
  const finished = run.budgetMs === null ? [] : await finishedTrainings(transaction, run.id);
  const rows: Prisma.TrialCreateManyInput[] = [];
  for (let next = number; next < fromNumber + count; next++) {
    const wanted = kind === 'search' ? searchTrial(schedule, next, () => ask(study, next)) : foldTrial(schedule, next);
    if (wanted === null) break;
    const steps = stepsOf(run, schedule, kind, wanted.algorithm, next, finished, now);
    if (steps === null) break;
    rows.push({
      id: newId('trl'),
      runId: run.id,
      number: next,
      kind,
      ...wanted,
      steps,
      seed: trialSeed(run.seed, next),
    });
  }
  return rows;
}

function searchTrial(schedule: Schedule, number: number, askPoint: () => Point) {
  if (number >= schedule.allocation.searchTrials) return null;
  const point = askPoint();
  return { algorithm: String(point['algorithm']), fold: 0, point, sourceTrialId: null };
}

function foldTrial({ folds }: Schedule, number: number) {
  return folds?.trials[number - folds.firstNumber] ?? null;
}

/** How long a trial trains, by the time that is left; null: no useful training fits any more. The first always runs. */
function stepsOf(
  run: Run,
  schedule: Schedule,
  kind: 'search' | 'fold',
  name: string,
  number: number,
  finished: readonly FinishedTraining[],
  now: Date,
): number | null {
  const measured = schedule.algorithms[name];
  if (measured === undefined) throw new VoxhelmError('internal', `run ${run.id} has no probe of ${name}`);
  const { allocation, folds } = schedule;
  const left =
    folds === null
      ? { search: allocation.searchTrials - number, folds: allocation.folds - 1 }
      : { search: 0, folds: folds.firstNumber + folds.trials.length - number };
  const { steps } = stepsForNextTrial({
    kind,
    algorithm: { name, ...measured },
    allocation,
    remainingMs: remainingMs(run, now),
    trainingsLeft: left,
    parallel: schedule.parallel,
    trainingCases: schedule.trainingCases,
    steps: schedule.steps,
    finished,
  });
  return steps ?? (number === 0 ? SMALLEST_STEPS : null);
}

async function finishedTrainings(transaction: Transaction, runId: string): Promise<FinishedTraining[]> {
  const rows = await transaction.trial.findMany({
    // A trial that was paused says nothing of the machine's pace.
    where: { runId, lease: 1, state: { in: ['completed', 'pruned'] } },
    select: { algorithm: true, step: true, startedAt: true, finishedAt: true },
  });
  return rows.flatMap(({ algorithm, step, startedAt, finishedAt }) =>
    startedAt === null || finishedAt === null
      ? []
      : [{ algorithm, steps: step, wallMs: finishedAt.getTime() - startedAt.getTime() }],
  );
}

/** A seed of its own for each trial, from the run's; below 2^31. 2654435761 is Knuth's multiplicative hash. */
function trialSeed(seed: number, number: number): number {
  return (Math.imul(seed + 1, 0x5bd1e995) ^ Math.imul(number + 1, 2654435761)) & 0x7fffffff;
}

/** The trial's plan: its bundle's with its point and its steps. */
async function planOf({ db }: Dependencies, trial: Trial): Promise<Plan> {
  const { runId, algorithm, fold, steps } = trial;
  const [bundle, { schedule }] = await Promise.all([
    db.bundle.findUniqueOrThrow({ where: { runId_algorithm_fold: { runId, algorithm, fold } } }),
    loadStudy(db, runId),
  ]);
  const planner = plannerOf(algorithm);
  const configured = planner.configure(
    fromJson('Bundle.plan', Plan, bundle.plan),
    fromJson('Trial.point', Point, trial.point),
  );
  const probe = schedule.algorithms[algorithm]?.probe;
  const cases = validationCases(schedule.trainingCases, schedule.allocation.splits);
  return planner.withSteps(
    configured,
    steps,
    probe === undefined ? undefined : validationInterval(probe, steps, cases),
  );
}

/** How a trial's row ends. */
function trialEnd(
  outcome: TrialOutcome,
  finishedAt: Date,
): Prisma.TrialUncheckedUpdateManyInput & { state: TrialState; reason: string | null; bestDice: number | null } {
  const ended = { finishedAt, progress: toJson(null) };
  if (outcome.kind === 'cancelled') {
    return { ...ended, state: 'cancelled', reason: 'the run was cancelled', bestDice: null };
  }
  if (outcome.kind === 'failed') return { ...ended, state: 'failed', reason: outcome.failure.message, bestDice: null };
  const { result } = outcome;
  return {
    ...ended,
    state: result.outcome,
    reason: result.reason,
    step: result.step,
    bestStep: result.bestStep,
    bestDice: finite(result.bestDice),
    diceByClass: result.diceByClass,
    checkpoint: toJson(result.best?.artifact ?? null),
    lastCheckpoint: toJson(result.last?.artifact ?? null),
    predictions: toJson(result.predictions),
    trainMs: result.trainMs,
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
  return cases.map(({ caseId, dice, diceByClass, labelMap, probabilities }) => ({
    ownerId: trial.id,
    caseId,
    runId: trial.runId,
    trialId: trial.id,
    dice,
    scores: { case: caseId, dice, classes: diceOnly(diceByClass) },
    labelMap,
    probabilities,
  }));
}

/** Validation measures Dice alone. */
function diceOnly(diceByClass: Readonly<Record<string, number | null>>) {
  return Object.fromEntries(
    Object.entries(diceByClass).map(([value, dice]) => [
      value,
      { dice, iou: dice === null ? null : dice / (2 - dice), hd95Mm: null, assdMm: null, surfaceDice: null },
    ]),
  );
}

function describeEnd(trial: Trial, state: string, bestDice: number | null, reason: string | null): string {
  const name = `Trial ${trial.number + 1} (${trial.algorithm}, fold ${trial.fold})`;
  const dice = bestDice === null ? '' : `, validation Dice ${shown(bestDice)}`;
  return `${name} ${state}${dice}${reason === null ? '' : `: ${reason}`}.`;
}

function shown(dice: number | null): string {
  return dice === null ? 'unknown' : dice.toFixed(3);
}

/** The search trial that the other folds repeat: highest validation Dice of those with a model; the earlier of equals. */
async function bestSearchTrial(transaction: Transaction, runId: string) {
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
  const trials = Array.from({ length: schedule.allocation.folds - 1 }, (_, index) => ({
    sourceTrialId: best.id,
    algorithm: best.algorithm,
    fold: index + 1,
    point: fromJson('Trial.point', Point, best.point),
  }));
  const planned: Schedule = { ...schedule, folds: { firstNumber: best.nextNumber, trials } };
  await transaction.study.update({ where: { runId: run.id }, data: { schedule: planned } });
  return trials.length;
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
    fix: 'Look at the trials of the run; a lower learning rate helps where they diverged, more memory where they were killed.',
    details: { causes: Object.fromEntries(causes) },
  });
}
