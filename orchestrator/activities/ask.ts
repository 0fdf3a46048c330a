import { asSmallAs } from '@voxhelm/algorithms/plan-smaller';
import { plannerOf } from '@voxhelm/algorithms/planners';
import { ArtifactRef } from '@voxhelm/contracts/artifact';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { Plan } from '@voxhelm/contracts/plan';
import type { AskRecord, Point, TrialKind } from '@voxhelm/contracts/trial';
import type { Database, Transaction } from '@voxhelm/prisma/client';
import type { Run, Trial } from '@voxhelm/prisma/generated/client';
import { newId } from '@voxhelm/prisma/ids';
import { fromJson } from '@voxhelm/prisma/json';
import { foldTrainings, SMALLEST_STEPS } from '@voxhelm/search/budget';
import { WHOLE } from '@voxhelm/search/fidelity/schedule';
import {
  type FinishedTraining,
  type NextTrialInput,
  searchTrainingFits,
  stepsForNextTrial,
} from '@voxhelm/search/next-training';
import { recordAsk } from '@voxhelm/search/replay';
import { nextTrial, propose, type Study, start } from '@voxhelm/search/study';
import { validationCases, validationInterval } from '@voxhelm/search/training-time';
import { type ArtifactStore, readJson, writeJson } from '@voxhelm/storage/artifact-store';
import { trialPrefix } from '@voxhelm/storage/trial-log';
import type { AskInput, OrchestratorActivities } from '../workflows/activity-interface.ts';
import type { Dependencies } from './dependencies.ts';
import { addEvents, changeRun, hasEnded, readRun, remainingMs } from './run-rows.ts';
import { loadStudy, loadStudyTrials, type Schedule, type StoredStudy, wholeSteps } from './schedule.ts';
import { withStart } from './start-weights.ts';
import { readTrial, trainJobsOf } from './trial-rows.ts';

/** Trials started at once: a first answer for many trainers should not wait for the last. */
const STARTS_AT_ONCE = 20;

/** Asking the study for trials: each is made whole (point, steps, plan), taken for a trainer and started in one go. */
export function askActivities(dependencies: Dependencies): Pick<OrchestratorActivities, 'startTrials'> {
  const { db, temporal } = dependencies;
  return {
    async startTrials(input) {
      const { runId, fromNumber, count, kind } = input;
      // Keyed by number: a trial that an earlier attempt made is started as it is.
      const [run, known, stored] = await Promise.all([
        readRun(db, runId),
        db.trial.findMany({
          where: { runId, kind, number: { gte: fromNumber, lt: fromNumber + count } },
          orderBy: { number: 'asc' },
        }),
        loadStudy(db, runId),
      ]);
      if (hasEnded(run)) return { trialIds: known.map(({ id }) => id) };
      const made =
        known.length === count ? [] : await nextTrials(dependencies, run, stored, input, fromNumber + known.length);
      if (made.length > 0) await recordTrials(db, runId, made);
      const jobs = await trainJobsOf(db, run, [...known, ...made], stored.schedule);
      for (let from = 0; from < jobs.length; from += STARTS_AT_ONCE) {
        await Promise.all(jobs.slice(from, from + STARTS_AT_ONCE).map((job) => temporal.startTrial({ job })));
      }
      const trialIds = jobs.map(({ trialId }) => trialId);
      // A search over rungs may go on from a trial that is still under way.
      const waits = kind === 'search' && stored.study.settings.fidelity !== undefined;
      return waits && trialIds.length < count ? { trialIds, more: true } : { trialIds };
    },
  };
}

async function recordTrials(db: Database, runId: string, trials: readonly NewTrial[]): Promise<void> {
  await changeRun(db, runId, async (transaction, run) => {
    await transaction.trial.createMany({ data: trials.map(({ startedFrom: _, ...row }) => row) });
    const started = trials.map((trial) => trialStarted(trial, run.plannedTrials));
    if (run.state === 'running') {
      await transaction.run.update({ where: { id: runId }, data: { message: started.at(-1)?.message ?? '' } });
    }
    await addEvents(transaction, runId, ...started);
  });
}

/** A trial as it is made. */
type NewTrial = Pick<Trial, 'id' | 'runId' | 'number' | 'kind' | 'algorithm' | 'fold' | 'steps' | 'seed'> & {
  readonly sourceTrialId: string | null;
  /** What the ask saw; absent for fold trials. */
  readonly asked?: AskRecord;
  readonly point: Point;
  readonly state: 'running';
  readonly lease: 1;
  readonly startedAt: Date;
  readonly planArtifact: { uri: string; sha256: string; bytes: number };
  /** Where its weights start, where it retrains from a champion. */
  readonly startedFrom: string | null;
};

function trialStarted(
  { id, number, kind, algorithm, fold, steps, sourceTrialId, startedFrom }: NewTrial,
  planned: number | null,
) {
  const goesOn = kind === 'search' && sourceTrialId !== null;
  const length = goesOn ? `going on to step ${steps}` : `${steps} steps`;
  return {
    key: `trial.started:${id}:1`,
    type: 'trial.started',
    message: `Trial ${number + 1} of ${planned ?? '?'}: training ${algorithm} on fold ${fold}, ${length}${startedFrom === null ? '' : `, ${startedFrom}`}.`,
    data: { trialId: id, number, algorithm, fold, lease: 1 },
  };
}

/** The trials from `number` on; fewer than asked for where the plan or the time ends. */
async function nextTrials(
  dependencies: Dependencies,
  run: Run,
  stored: StoredStudy,
  { kind, fromNumber, count }: AskInput,
  number: number,
): Promise<NewTrial[]> {
  const { db } = dependencies;
  const startedAt = dependencies.now();
  const { schedule } = stored;
  const [trials, finished] = await Promise.all([
    kind === 'search' ? loadStudyTrials(db, run.id, stored) : [],
    run.budgetMs === null ? [] : finishedTrainings(db, run.id),
  ]);
  let study: Study = { ...stored.study, trials };
  const rows: NewTrial[] = [];
  for (let next = number; next < fromNumber + count; next++) {
    if (kind === 'search' && study.settings.fidelity !== undefined) {
      const rung = await rungTrial(dependencies, run, { schedule, study }, next, finished, startedAt);
      if (rung === null) break;
      study = start(study, next, rung.row.point, rung.units, rung.continues);
      rows.push(rung.row);
      continue;
    }
    const wanted = kind === 'search' ? searchTrial(schedule, study, next) : foldTrial(schedule, next);
    if (wanted === null) break;
    const { point } = wanted;
    const steps = stepsOf(run, schedule, kind, wanted.algorithm, next, finished, startedAt);
    if (steps === null) break;
    const id = newId('trl');
    const seed = trialSeed(run.seed, next);
    const trial = { id, runId: run.id, number: next, kind, ...wanted, steps, seed };
    const own = await planOf(dependencies, schedule, trial);
    // A promoted trial goes on from the checkpoint of another, wherever that began.
    const goesOn = kind === 'search' && wanted.sourceTrialId !== null;
    const { plan, startedFrom } = goesOn ? { plan: own, startedFrom: null } : await withStart(dependencies, run, own);
    const planArtifact = await writeJson(dependencies.store, `${trialPrefix(run.id, id)}/plan.json`, plan);
    // The next one of this batch is to know of it.
    if (kind === 'search') study = start(study, next, point, steps);
    rows.push({ ...trial, state: 'running', lease: 1, startedAt, planArtifact, startedFrom });
  }
  return rows;
}

function searchTrial(schedule: Schedule, study: Study, number: number) {
  if (number >= schedule.allocation.searchTrials) return null;
  const proposal = propose(study, number);
  const asked = recordAsk(study, number, proposal);
  const { point } = proposal;
  return { algorithm: String(point['algorithm']), fold: 0, point, sourceTrialId: null, asked };
}

/** A trial of a search over rungs. */
interface RungTrial {
  readonly row: NewTrial;
  /** Its rung, in thousandths of a whole training, and the number of the trial that it goes on from. */
  readonly units: number;
  readonly continues: number | null;
}

/**
 * The next trial of a search over rungs: a new configuration that trains the first part of its plan, or one that goes on by
 * the plan and from the checkpoint of another; null where steps or time are spent, or every candidate is under way.
 */
async function rungTrial(
  dependencies: Dependencies,
  run: Run,
  { schedule, study }: StoredStudy,
  number: number,
  finished: readonly FinishedTraining[],
  startedAt: Date,
): Promise<RungTrial | null> {
  const next = nextTrial(study, number);
  if (next === null || next.steps === null) return null;
  const { point, steps: units, continues } = next;
  const algorithm = String(point['algorithm']);
  const whole = wholeSteps(schedule, algorithm);
  const steps = Math.ceil((whole * units) / WHOLE);
  const source =
    continues === null
      ? null
      : await dependencies.db.trial.findUniqueOrThrow({
          where: { runId_number: { runId: run.id, number: continues } },
        });
  const time = timeInput(run, schedule, 'search', algorithm, number, finished, startedAt);
  if (number > 0 && !searchTrainingFits(time, steps - (source?.steps ?? 0))) return null;
  const id = newId('trl');
  const shared = { id, runId: run.id, number, kind: 'search' as const, algorithm, fold: 0, point };
  const own = { ...shared, sourceTrialId: source?.id ?? null, asked: recordAsk(study, number, next), steps };
  const begun = { state: 'running', lease: 1, startedAt } as const;
  if (source !== null) {
    // The same plan and the same batches: it goes on as if it had never stopped.
    const planArtifact = fromJson('Trial.planArtifact', ArtifactRef, source.planArtifact);
    return { row: { ...own, ...begun, seed: source.seed, planArtifact, startedFrom: null }, units, continues };
  }
  const { plan, startedFrom } = await withStart(
    dependencies,
    run,
    await planOf(dependencies, schedule, { ...own, steps: whole }),
  );
  const planArtifact = await writeJson(dependencies.store, `${trialPrefix(run.id, id)}/plan.json`, plan);
  return { row: { ...own, ...begun, seed: trialSeed(run.seed, number), planArtifact, startedFrom }, units, continues };
}

function foldTrial({ folds }: Schedule, number: number) {
  return folds?.trials[number - folds.firstNumber] ?? null;
}

/** How long a trial trains, by the time that is left; null: no useful training fits any more. The first always runs. */
function stepsOf(
  run: Run,
  schedule: Schedule,
  kind: TrialKind,
  name: string,
  number: number,
  finished: readonly FinishedTraining[],
  now: Date,
): number | null {
  const input = timeInput(run, schedule, kind, name, number, finished, now);
  const { steps } = stepsForNextTrial(input);
  return steps ?? (number === 0 ? Math.min(SMALLEST_STEPS, input.algorithm.planSteps) : null);
}

/** What is known of the time that is left when a trial is to begin. */
function timeInput(
  run: Run,
  schedule: Schedule,
  kind: TrialKind,
  name: string,
  number: number,
  finished: readonly FinishedTraining[],
  now: Date,
): NextTrialInput {
  const measured = schedule.algorithms[name];
  if (measured === undefined) throw new VoxhelmError('internal', `run ${run.id} has no probe of ${name}`);
  const { allocation, folds } = schedule;
  const left =
    folds === null
      ? { search: allocation.searchTrials - number, folds: foldTrainings(allocation) }
      : { search: 0, folds: folds.firstNumber + folds.trials.length - number };
  return {
    kind,
    algorithm: { name, ...measured },
    allocation,
    remainingMs: remainingMs(run, now),
    trainingsLeft: left,
    parallel: schedule.parallel,
    trainingCases: schedule.trainingCases,
    steps: schedule.steps,
    finished,
  };
}

async function finishedTrainings(transaction: Transaction, runId: string): Promise<FinishedTraining[]> {
  const rows = await transaction.trial.findMany({
    // A trial that was paused says nothing of the machine's pace.
    where: { runId, lease: 1, state: { in: ['completed', 'pruned'] } },
    orderBy: { finishedAt: 'asc' },
    select: {
      id: true,
      kind: true,
      sourceTrialId: true,
      algorithm: true,
      step: true,
      startedAt: true,
      finishedAt: true,
    },
  });
  const stepOf = new Map(rows.map(({ id, step }) => [id, step]));
  return rows.flatMap(({ kind, sourceTrialId, algorithm, step, startedAt, finishedAt }) => {
    if (startedAt === null || finishedAt === null) return [];
    // A promoted trial did only the steps beyond those of the trial that it went on from.
    const before = kind === 'search' ? (stepOf.get(sourceTrialId ?? '') ?? 0) : 0;
    return [{ algorithm, steps: step - before, wallMs: finishedAt.getTime() - startedAt.getTime() }];
  });
}

/** A seed of its own for each trial, from the run's; below 2^31. 2654435761 is Knuth's multiplicative hash. */
function trialSeed(seed: number, number: number): number {
  return (Math.imul(seed + 1, 0x5bd1e995) ^ Math.imul(number + 1, 2654435761)) & 0x7fffffff;
}

/** The plan that the winner of the search was trained by. */
async function trainedPlanOf(db: Transaction, store: ArtifactStore, trialId: string | null): Promise<Plan | null> {
  if (trialId === null) return null;
  const { planArtifact } = await readTrial(db, trialId);
  return readJson(store, fromJson('Trial.planArtifact', ArtifactRef, planArtifact), Plan);
}

/** The trial's plan: its bundle's with its point and its steps. */
async function planOf(
  { db, store }: Dependencies,
  schedule: Schedule,
  trial: Pick<NewTrial, 'runId' | 'algorithm' | 'fold' | 'point' | 'steps' | 'sourceTrialId'>,
): Promise<Plan> {
  const { runId, algorithm, fold, point, steps } = trial;
  const bundle = await db.bundle.findUniqueOrThrow({ where: { runId_algorithm_fold: { runId, algorithm, fold } } });
  const planner = plannerOf(algorithm);
  const own = planner.configure(fromJson('Bundle.plan', Plan, bundle.plan), point);
  const source = await trainedPlanOf(db, store, trial.sourceTrialId);
  const configured = source === null ? own : asSmallAs(planner.adopt?.(own, source) ?? own, source);
  const probe = schedule.algorithms[algorithm]?.probe;
  const cases = validationCases(schedule.trainingCases, schedule.allocation.splits);
  return planner.withSteps(
    configured,
    steps,
    probe === undefined ? undefined : validationInterval(probe, steps, cases),
  );
}
