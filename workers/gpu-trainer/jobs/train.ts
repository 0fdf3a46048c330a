import { networkOf } from '@voxhelm/algorithms/networks';
import { planSmaller, shownAtOnce } from '@voxhelm/algorithms/plan-smaller';
import { plannerOf } from '@voxhelm/algorithms/planners';
import { type ErrorCode, toErrorRecord } from '@voxhelm/contracts/errors';
import {
  type SmallerWhy,
  TrainingCase,
  type TrainJob,
  type TrainResult,
  type ValidationPredictions,
} from '@voxhelm/contracts/jobs';
import { Plan } from '@voxhelm/contracts/plan';
import type { TrainingVolume } from '@voxhelm/imaging/patch-sampler';
import { computesOnGpu } from '@voxhelm/nn/engine';
import { watchGpu } from '@voxhelm/nn/gpu';
import { createPredictor } from '@voxhelm/nn/predictor';
import { trainLoop } from '@voxhelm/nn/trainer';
import { readJson, writeJson } from '@voxhelm/storage/artifact-store';
import { z } from 'zod';
import { openTrialApi, type TrialApi } from '../api-client.ts';
import { type BatchLoader, openBatchLoader } from '../loader/batch-loader.ts';
import type { ValidationCase } from '../loader/messages.ts';
import { loaderThreads, openThreadPool, type ThreadPool } from '../loader/thread-pool.ts';
import { inThread } from '../training-thread.ts';
import { searchedPlan } from './architecture-search.ts';
import { decodeProgress, openTrialFiles, type Restored, type TrialFiles } from './checkpoints.ts';
import type { JobContext } from './context.ts';
import { openDeviceUseMeter } from './device-use.ts';
import { loadTrainingCases, loadValidationCases, settleCache, splitFold } from './load-cases.ts';
import { orAborted } from './or-aborted.ts';
import { type StartWeights, startWeights } from './start-weights.ts';
import { followTraining, type TrainingProgress } from './training-progress.ts';
import { storePredictions, validateAll } from './validate.ts';

/** How long a stopped attempt tries to hand over its last points; they lie beside the checkpoint as well. */
const LAST_WORDS_MS = 2_000;

/** A validation that ends within this time after a stop is finished: its checkpoint spares the steps before it. */
const FINISH_VALIDATION_MS = 5_000;

type LoopResult = Awaited<ReturnType<typeof trainLoop>>;
type ValidationInfo = Parameters<TrainingProgress['validation']>[0];

/** Everything that one attempt works with. */
export interface Attempt {
  readonly job: TrainJob;
  readonly plan: Plan;
  readonly context: JobContext;
  readonly files: TrialFiles;
  readonly api: TrialApi;
  readonly progress: TrainingProgress;
  readonly pool: ThreadPool;
  /** Aborted when the job is asked to stop and when the API refuses this attempt. */
  readonly signal: AbortSignal;
}

/**
 * Trains one trial on one fold, from its last checkpoint where one exists, and stores the best checkpoint's predictions
 * of the validation cases. Divergence and pruning are results; a superseded attempt throws `conflict`, a stopped one
 * `cancelled` after its checkpoint is on disk.
 */
export async function train(job: TrainJob, context: JobContext): Promise<TrainResult> {
  const files = openTrialFiles(context.store, job);
  const finished = await files.finished();
  if (finished !== null) {
    context.log('info', 'this trial was finished by an earlier attempt', { step: finished.step });
    return finished;
  }
  const planned = await readJson(context.store, job.plan, Plan);
  const plan = madeSmaller(planned, context.smaller, context.smallerWhy);
  const { from, unsent } = await files.restore();

  const refused = new AbortController();
  const api = openTrialApi({
    url: context.settings.url,
    apiKey: context.settings.apiKey,
    trialId: job.trialId,
    lease: job.lease,
    attempt: context.attempt,
    unsent,
    onRefused: (error) => refused.abort(error),
    log: (message, fields) => context.log('warn', message, fields),
  });
  const before = { step: from?.step ?? 0, bestDice: files.best()?.dice ?? null, after: context.after };
  const steps = Math.min(job.until ?? plan.training.steps, plan.training.steps);
  const gpu = computesOnGpu() ? watchGpu(process.env['CUDA_VISIBLE_DEVICES']) : null;
  const meter = openDeviceUseMeter(gpu);
  const progress = followTraining({ ...plan.training, steps }, before, meter, (snapshot, heartbeat) => {
    context.progress(heartbeat);
    api.progress(snapshot);
  });
  const pool = openThreadPool(loaderThreads(), context.settings.caseCache);
  const signal = AbortSignal.any([context.signal, refused.signal]);
  try {
    if (context.smaller > 0) {
      const before = shownAtOnce(madeSmaller(planned, context.smaller - 1, context.smallerWhy));
      const what = {
        memory: `out of memory with ${before} at once`,
        killed: `killed with ${before} at once, perhaps for lack of memory`,
      };
      const told = `${what[context.smallerWhy]}; now ${shownAtOnce(plan)} at once`;
      context.log('warn', told, { trialId: job.trialId });
      progress.madeSmaller(context.smaller, told);
    }
    for (const event of files.events) {
      context.log('warn', event, { trialId: job.trialId });
      progress.event(event);
    }
    if (from !== null) context.log('info', `goes on from the checkpoint of step ${from.step}`, { step: from.step });
    const result = await attempt({ job, plan, context, files, api, progress, pool, signal }, from);
    await orAborted(signal, api.flush()); // Before the result is written: an attempt after that returns it and sends nothing.
    await files.finish(result);
    return result;
  } catch (error) {
    if (refused.signal.aborted) throw refused.signal.reason;
    if (context.signal.aborted) await api.flush(LAST_WORDS_MS).catch(() => undefined);
    throw error;
  } finally {
    progress.close();
    api.close();
    await pool.close();
  }
}

/** The plan for a device that ran out of memory so often. */
function madeSmaller(plan: Plan, times: number, why: SmallerWhy): Plan {
  return times === 0 ? plan : planSmaller(plan, plannerOf(plan.algorithm).patchGrid(plan), times, why);
}

async function attempt(own: Attempt, from: Restored | null): Promise<TrainResult> {
  const { job, plan, context, files, progress, signal } = own;
  progress.phase('loading');
  const cases = splitFold(await readJson(context.store, job.cases, z.array(TrainingCase)), job.fold);
  const tell = (): void => progress.tell();
  const [volumes, validation] = await orAborted(
    signal,
    Promise.all([
      loadTrainingCases(own.pool, cases.training, plan, tell),
      loadValidationCases(own.pool, cases.validation, plan, tell),
    ]),
  );
  await settleCache(own.pool, context);
  const { network, batchSize, patchSize } = plan;
  context.log(
    'info',
    `${network.class} on ${cases.training.length} cases, ${cases.validation.length} to validate; ` +
      `${batchSize} patches of ${patchSize.join(' x ')} a step, ${plan.training.steps} steps, ${plan.training.precision}`,
  );
  const searched = await searchedPlan(own, volumes);
  const trained = await trainPlan({ ...own, plan: searched?.plan ?? plan }, from, volumes, validation);
  const predictions = await predictionsOf({ ...own, plan: searched?.plan ?? plan }, trained, validation);
  const trainedPlan =
    searched?.artifact ??
    (context.smaller > 0 ? await writeJson(context.store, `${job.artifactPrefix}/trained-plan.json`, plan) : null);
  return {
    outcome: trained.outcome,
    reason: trained.reason,
    step: trained.step,
    bestStep: trained.bestStep,
    bestDice: trained.bestDice,
    diceByClass: trained.diceByClass,
    best: files.best(),
    last: files.last(),
    predictions,
    ...(trainedPlan === null ? {} : { plan: trainedPlan }),
    ...(trained.startedFrom === undefined ? {} : { startedFrom: trained.startedFrom }),
    trainMs: trained.trainMs,
    waitMs: trained.waitMs,
    stepMs: trained.stepMs,
    validationMs: trained.validationMs,
  };
}

/** Trains by the plan, or returns what an earlier attempt was pruned with. */
async function trainPlan(
  own: Attempt,
  from: Restored | null,
  volumes: readonly TrainingVolume[],
  validation: readonly ValidationCase[],
): Promise<LoopResult & { readonly startedFrom?: string | undefined }> {
  const { job, plan, pool } = own;
  const pruned = from === null ? null : prunedBefore(from);
  if (pruned !== null) return pruned;
  const loader = await openBatchLoader({
    pool,
    volumes,
    plan,
    seed: job.seed,
    lastStep: job.until ?? plan.training.steps,
  });
  const given = await startWeights(own.context.store, networkOf(plan.network), plan);
  if (given !== null && from === null) {
    own.context.log('info', given.told, { trialId: job.trialId });
    own.progress.event(given.told);
  }
  return { ...(await runLoop(own, from, validation, loader, given)), startedFrom: given?.told };
}

/** The best checkpoint's predictions, stored; null where there is nothing to predict with. */
async function predictionsOf(
  own: Attempt,
  trained: LoopResult,
  validation: readonly ValidationCase[],
): Promise<TrainResult['predictions']> {
  own.progress.phase('finishing');
  const best = own.files.best();
  if (trained.outcome !== 'completed' || best === null) return null;
  return storeBestPredictions(own, validation, await own.context.store.read(best.artifact), best.step);
}

async function runLoop(
  own: Attempt,
  from: Restored | null,
  validation: readonly ValidationCase[],
  loader: BatchLoader,
  given: StartWeights | null,
): Promise<LoopResult> {
  const { job, plan, context, files, api, progress, signal } = own;
  const giveUp = givesUpAfter(signal, FINISH_VALIDATION_MS);
  /** The loop's callbacks are not awaited where they only tell; the buffer's bound is waited for at the next batch. */
  let room: Promise<void> = Promise.resolve();
  const add = (points: Parameters<TrialApi['addPoints']>[0]): void => {
    if (points.length === 0) return;
    room = api.addPoints(points);
    room.catch(() => undefined); // A refusal aborts `signal`.
  };
  let stopped: { reason: string | null } | null = null;
  const start = (startFrom: Uint8Array | null): Promise<LoopResult> =>
    trainLoop({
      network: networkOf(plan.network),
      plan,
      seed: job.seed,
      startFrom,
      ...(job.until === undefined ? {} : { until: job.until }),
      ...(given === null ? {} : { initialWeights: given.values }),
      signal,
      ...(job.ends === null ? {} : { ends: { ...job.ends, atMs: Date.parse(job.ends.at) } }),
      openEngine: inThread,
      async nextBatch(step) {
        progress.begin();
        // A stopped attempt gets its batch all the same: the loop itself sees the signal and saves its checkpoint.
        await orAborted(signal, room).catch(() => undefined);
        return loader.next(step);
      },
      validate(predictor) {
        progress.phase('validating');
        return validateAll(predictor, validation, plan, { giveUp, onCase: () => progress.tell() });
      },
      onStep: (info) => add(progress.step(info)),
      onLoss: (step, loss) => add(progress.loss(step, loss)),
      async onValidation(result) {
        add(progress.validation(result));
        tellValidation(own, result);
        if (!job.prunable || result.dice === null) return { stop: false, reason: null };
        const reply = await orAborted(signal, api.report(result.step, result.dice, result.diceByCase));
        if (reply.stop) stopped = { reason: reply.reason };
        return reply;
      },
      async saveLast(bytes, step) {
        // A superseded attempt leaves the files to the later one.
        if (signal.aborted && codeOf(signal.reason) === 'conflict') return;
        await files.saveLast(bytes, step, { unsent: api.unsent(), stopped });
      },
      saveBest: (bytes, step, dice) => files.saveBest(bytes, step, dice),
    });
  try {
    return await start(from?.bytes ?? null);
  } catch (error) {
    // Another trial's checkpoint that does not fit is a fault of whoever paired them.
    if (from === null || codeOf(error) !== 'bad-checkpoint' || job.continueFrom?.last.step === from.step) throw error;
    const reason = toErrorRecord(error).message;
    const event = `the checkpoint of step ${from.step} cannot be used, training begins anew: ${reason}`;
    context.log('warn', event, { trialId: job.trialId });
    progress.event(event);
    return start(null);
  }
}

/** A line of the log for each validation: what somebody who reads it tomorrow looks for first. */
function tellValidation({ context, progress }: Attempt, { step, dice, validationMs }: ValidationInfo): void {
  const { loss, stepsPerSecond, bestDice, memoryMb } = progress.snapshot();
  const best = dice !== null && dice === bestDice ? ', the best so far' : '';
  context.log(
    'info',
    `step ${step}: loss ${loss?.toFixed(4) ?? 'unknown'}, Dice ${dice?.toFixed(4) ?? 'unknown'}${best}; ` +
      `${stepsPerSecond.toFixed(2)} steps a second, validated in ${(validationMs / 1_000).toFixed(1)} s, ${memoryMb} MB`,
    { step },
  );
}

/** The result of a training that was pruned before its process died, from the checkpoint's own record of progress. */
function prunedBefore(from: Restored): LoopResult | null {
  if (from.stopped === null) return null;
  const progress = decodeProgress(from.bytes);
  const stepMs = progress.step === 0 ? 0 : progress.trainMs / progress.step;
  return { ...progress, stepMs, outcome: 'pruned', reason: from.stopped.reason };
}

async function storeBestPredictions(
  own: Attempt,
  validation: readonly ValidationCase[],
  weights: Uint8Array,
  step: number,
): Promise<TrainResult['predictions']> {
  const { job, plan, context, progress, signal } = own;
  const predictor = createPredictor(networkOf(plan.network), plan, weights);
  try {
    const cases = await storePredictions(predictor, validation, plan, {
      store: context.store,
      prefix: job.artifactPrefix,
      signal,
      pool: own.pool,
      scoreUntilMs: job.ends === null ? Number.POSITIVE_INFINITY : Date.parse(job.ends.at),
      onCase: () => progress.tell(),
    });
    const unscored = cases.filter(({ classes }) => classes === undefined).length;
    if (unscored > 0) {
      const event = `the run's budget left no time for HD95 and volume error of ${unscored} validation cases`;
      context.log('warn', event, { trialId: job.trialId });
      progress.event(event);
    }
    const predictions: ValidationPredictions = { schemaVersion: 1, trialId: job.trialId, fold: job.fold, step, cases };
    return await writeJson(context.store, `${job.artifactPrefix}/predictions.json`, predictions);
  } finally {
    predictor.dispose();
  }
}

/** Tells whether the signal was aborted more than `ms` ago. */
function givesUpAfter(signal: AbortSignal, ms: number): () => boolean {
  let abortedAt = Number.POSITIVE_INFINITY;
  signal.addEventListener(
    'abort',
    () => {
      abortedAt = performance.now();
    },
    { once: true },
  );
  return () => performance.now() - abortedAt > ms;
}

function codeOf(error: unknown): ErrorCode {
  return toErrorRecord(error).code;
}
