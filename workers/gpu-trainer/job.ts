import { toErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';
import { Job } from '@voxhelm/contracts/jobs';
import { openArtifactStore } from '@voxhelm/storage/artifact-store';
import type { JobContext } from './jobs/context.ts';
import type { ChildMessage, JobRequest } from './messages.ts';

/*
 * The program of a job's child process: takes one job over IPC, does it, answers, exits. SIGTERM asks it to save and
 * stop. Where the trainer dies, the channel closes and this process ends at once, for another attempt may begin.
 */

const stop = new AbortController();

function send(message: ChildMessage, done: () => void = () => undefined): void {
  if (process.connected) process.send?.(message, done);
  else done();
}

function contextOf(request: JobRequest): JobContext {
  return {
    store: openArtifactStore(request.settings.artifacts),
    settings: request.settings,
    attempt: request.attempt,
    smaller: request.smaller,
    smallerWhy: request.smallerWhy ?? 'memory',
    after: request.after ?? null,
    signal: stop.signal,
    progress: (heartbeat) => send({ type: 'progress', heartbeat }),
    log: (level, message, fields = {}) => send({ type: 'log', level, message, fields }),
    startedAtMs: performance.timeOrigin,
  };
}

/** Each job's module is loaded only when asked for: analysis needs no network, a network no analysis. */
async function dispatch(job: Job, context: JobContext): Promise<unknown> {
  switch (job.kind) {
    case 'analyze':
      return (await import('./jobs/analyze.ts')).analyze(job, context);
    case 'probe':
      return (await import('./jobs/probe.ts')).probe(job, context);
    case 'train':
      return (await import('./jobs/train.ts')).train(job, context);
    case 'ensemble':
      return (await import('./jobs/ensemble.ts')).ensemble(job, context);
    case 'predict':
      return (await import('./jobs/predict.ts')).predict(job, context);
    case 'score':
      return (await import('./jobs/bundle-jobs.ts')).score(job, context);
    case 'suggest':
      return (await import('./jobs/bundle-jobs.ts')).suggest(job, context);
  }
}

function recordOf(error: unknown): ReturnType<typeof toErrorRecord> {
  const record = toErrorRecord(error);
  if (record.code !== 'internal') return record;
  return { ...record, details: { stack: error instanceof Error ? error.stack : undefined } };
}

function fail(error: unknown): void {
  send({ type: 'error', error: recordOf(error) }, () => process.exit(1));
}

process.once('SIGTERM', () => stop.abort(new VoxhelmError('cancelled', 'the job was asked to stop')));
process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole group; the trainer decides and sends SIGTERM.
process.once('disconnect', () => process.exit(1));
process.once('uncaughtException', fail);
process.once('unhandledRejection', fail);
process.once('message', (message) => {
  const request = message as JobRequest;
  Promise.resolve()
    .then(() => dispatch(Job.parse(request.job), contextOf(request)))
    .then((value) => send({ type: 'result', value }, () => process.exit(0)), fail);
});
