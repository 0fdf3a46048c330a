import { hostname } from 'node:os';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { SMALLER_BECAUSE } from '@voxhelm/algorithms/plan-smaller';
import { fromErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';
import {
  AnalyzeResult,
  EnsembleJobResult,
  type GpuActivities,
  type Job,
  PredictResult,
  ProbeResult,
  ScoreResult,
  type SmallerWhy,
  SuggestResult,
  TrainResult,
} from '@voxhelm/contracts/jobs';
import { type ArtifactStore, openArtifactStore } from '@voxhelm/storage/artifact-store';
import { type Attempted, failureBefore, noteFailure } from '@voxhelm/storage/last-attempt';
import { openTrialLog, type TrialLog } from '@voxhelm/storage/trial-log';
import type { pino } from 'pino';
import type { z } from 'zod';
import { openLearntMemory } from './learnt-memory.ts';
import type { Heartbeat, JobSettings } from './messages.ts';
import { type JobFailure, type JobOutcome, type SuperviseOptions, superviseJob } from './supervise.ts';

/** What the activities need of their process. */
export interface ActivityOptions {
  readonly settings: JobSettings;
  readonly logger: pino.Logger;
  /** Aborted when the trainer shuts down: jobs save their checkpoint and fail in a way that is tried again. */
  readonly draining: AbortSignal;
  /** The child's program; another one in tests. */
  readonly entry?: URL;
  readonly killAfterMs?: number;
  readonly memoryKills?: SuperviseOptions['memoryKills'];
}

/**
 * Often enough that a pause or cancellation, which comes in a heartbeat's answer, arrives within 5 s; the SDK sends
 * fewer than it is given.
 */
const HEARTBEAT_EVERY_MS = 1_000;

/** The activities of the queue `gpu`. Each runs its job in a child process, so that a crash costs one attempt. */
export function createActivities(options: ActivityOptions): GpuActivities {
  return {
    analyzeDataset: (job) => runJob(job, AnalyzeResult, options),
    probePlan: (job) => runJob(job, ProbeResult, options),
    trainTrial: (job) => runJob(job, TrainResult, options),
    buildEnsemble: (job) => runJob(job, EnsembleJobResult, options),
    predictImage: (job) => runJob(job, PredictResult, options),
    scoreBundle: (job) => runJob(job, ScoreResult, options),
    suggestCases: (job) => runJob(job, SuggestResult, options),
  };
}

async function runJob<S extends z.ZodType>(job: Job, result: S, options: ActivityOptions): Promise<z.infer<S>> {
  const context = Context.current();
  const { attempt, activityId } = context.info;
  const logger = options.logger.child({
    job: job.kind,
    attempt,
    activityId,
    ...('trialId' in job ? { trialId: job.trialId } : {}),
    ...('runId' in job ? { runId: job.runId } : {}),
  });
  const store = openArtifactStore(options.settings.artifacts);
  const log = logOf(job, attempt, store, logger);
  const attempted = attemptedOf(job);
  let latest: Heartbeat = { phase: 'starting', memoryMb: 0 };
  // The trainer beats for its child, which may be inside one long operation; a hung child is the supervisor's to end.
  const beat = setInterval(() => context.heartbeat(latest), HEARTBEAT_EVERY_MS);
  context.heartbeat(latest);
  logger.info('job starts');
  log?.line('info', `attempt ${attempt} starts on ${hostname()}`);
  const startedAt = performance.now();
  try {
    const after = attempted === null ? null : await failureBefore(store, attempted, attempt).catch(() => null);
    const attemptWith = (smaller: number, smallerWhy: SmallerWhy): Promise<JobOutcome> =>
      superviseJob({
        entry: options.entry ?? new URL('./job.ts', import.meta.url),
        request: {
          type: 'job',
          job,
          attempt,
          smaller,
          smallerWhy,
          ...(after === null ? {} : { after }),
          settings: options.settings,
        },
        signal: AbortSignal.any([context.cancellationSignal, options.draining]),
        onProgress: (heartbeat) => {
          latest = heartbeat;
          context.heartbeat(heartbeat);
        },
        onLog: (level, message, fields) => {
          logger[level](fields, message);
          log?.line(level, message);
        },
        onOutput: (text) => log?.line('print', text),
        ...(options.killAfterMs === undefined ? {} : { killAfterMs: options.killAfterMs }),
        ...(options.memoryKills === undefined ? {} : { memoryKills: options.memoryKills }),
      });
    // An attempt after this one, by whichever trainer, begins with the size that this one came to.
    const learnt = await openLearntMemory(store, job);
    let outcome = await attemptWith(learnt.smaller, learnt.why);
    while (!outcome.ok && canBeSmaller(job, attempt, outcome)) {
      const why = outcome.killed && outcome.killedForMemory !== true ? 'killed' : 'memory';
      const smaller = await learnt.ranOut(why);
      logger.warn({ smaller, failure: outcome }, `${SMALLER_BECAUSE[why][0]}: the plan is made smaller`);
      log?.line('warn', `${outcome.error.message}: the plan is made smaller`);
      outcome = await attemptWith(smaller, why);
    }
    const elapsedMs = Math.round(performance.now() - startedAt);
    if (outcome.ok) {
      logger.info({ elapsedMs }, 'job done');
      log?.line('info', `done after ${Math.round(elapsedMs / 1_000)} s`);
      return readResult(job, result, outcome.value);
    }
    logger.warn({ elapsedMs, failure: outcome }, 'job ended without a result');
    log?.line('error', `${outcome.error.code}: ${outcome.error.message}`);
    const failure = failureOf(outcome, context.cancellationSignal, options.draining);
    if (attempted !== null && failure instanceof ApplicationFailure) {
      // What is told of it is lost with it, and no more.
      await noteFailure(store, attempted, attempt, failure.message).catch((error: unknown) =>
        logger.warn({ err: error }, 'why this attempt failed could not be written down'),
      );
    }
    throw failure;
  } finally {
    clearInterval(beat);
    await log?.close();
  }
}

/** A job's value as its contract has it. One of another shape is a fault of ours, which no further attempt would mend. */
function readResult<S extends z.ZodType>(job: Job, result: S, value: unknown): z.infer<S> {
  const read = result.safeParse(value);
  if (read.success) return read.data;
  const faults = read.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`).join('; ');
  const message = `the ${job.kind} job brought a result that is none (${faults})`;
  throw ApplicationFailure.create({
    message,
    type: 'internal',
    nonRetryable: true,
    details: [{ code: 'internal', message, fix: "Look at the trainer's log, and report this.", details: {} }],
  });
}

/** As what attempts note why they failed; null where nobody asks. */
function attemptedOf(job: Job): Attempted | null {
  if (job.kind === 'train') return job;
  if (job.kind !== 'probe' || job.artifactPrefix === undefined) return null;
  return { artifactPrefix: job.artifactPrefix, lease: 0 };
}

/** The log that a trial's page shows; the trainer's own has that of every job. */
function logOf(job: Job, attempt: number, store: ArtifactStore, logger: pino.Logger): TrialLog | null {
  if (job.kind !== 'train') return null;
  return openTrialLog(store, { artifactPrefix: job.artifactPrefix, lease: job.lease, attempt }, (error) =>
    logger.warn({ err: error }, "the trial's log cannot be written"),
  );
}

/**
 * True where a job that ran out of memory may do with a smaller plan; not before or while it loaded its cases, which no plan makes
 * fewer. A child that was killed though the kernel killed nothing for lack of memory may have been by another guard of memory, or by
 * hand: that is believed to be for memory when an attempt ends so again.
 */
function canBeSmaller(job: Job, attempt: number, failure: JobFailure): boolean {
  if (!failure.outOfMemory || (job.kind !== 'train' && job.kind !== 'probe')) return false;
  if (isSmallest(failure.error) || failure.lastPhase === 'loading') return false;
  if (failure.killed && failure.lastPhase === null) return false; // It had not begun.
  return failure.killedForMemory !== false || attempt > 1;
}

/** True where even the smallest plan was too large: no trainer of this size will do better. */
function isSmallest({ code, details }: JobFailure['error']): boolean {
  return code === 'out-of-memory' && details?.['smallest'] === true;
}

/** A job's failure in Temporal's words: cancelled, to be tried again, or final. `type` is the error code. */
function failureOf(outcome: JobFailure, cancellation: AbortSignal, draining: AbortSignal): Error {
  if (cancellation.aborted) {
    return cancellation.reason instanceof CancelledFailure ? cancellation.reason : new CancelledFailure('CANCELLED');
  }
  const error =
    draining.aborted || outcome.error.code === 'cancelled'
      ? new VoxhelmError('unavailable', `the trainer stopped before the job was done: ${outcome.error.message}`)
      : fromErrorRecord(outcome.error);
  return ApplicationFailure.create({
    message: error.message,
    type: error.code,
    nonRetryable: !error.retryable || isSmallest(outcome.error),
    details: [{ code: error.code, message: error.message, fix: error.fix ?? null, details: error.details }],
  });
}
