import { z } from 'zod';
import { MetricCurve, RunView } from './api.ts';

/*
 * What the API tells the web UI beside api.ts: all runs live, what a run's jobs wait for, trainers.
 */

/**
 * A message of `/v1/live`: runs that are new or changed since the last one, the first has all that the list shows; `gone`
 * names those that were deleted since.
 */
export const RunsMessage = z
  .object({ runs: z.array(RunView), gone: z.array(z.string()).optional() })
  .meta({ id: 'RunsMessage' });
export type RunsMessage = z.infer<typeof RunsMessage>;

/** A `metrics` message of a run's event stream: points since the last one, of the series that were asked for. */
export const MetricsMessage = z.object({ curves: z.array(MetricCurve) }).meta({ id: 'MetricsMessage' });
export type MetricsMessage = z.infer<typeof MetricsMessage>;

/** What a job of a run is doing or waiting for, as Temporal knows it. */
export const JobActivity = z
  .object({
    job: z.enum(['analysis', 'probe', 'training', 'ensemble', 'prediction', 'bookkeeping']),
    trialId: z.string().nullable(),
    state: z.enum(['waiting', 'working', 'retrying']),
    /** Counts from 1. */
    attempt: z.number().int().positive(),
    /** 0: without limit. */
    maximumAttempts: z.number().int().nonnegative(),
    /** Since when it waits or works. */
    since: z.iso.datetime().nullable(),
    nextAttemptAt: z.iso.datetime().nullable(),
    /** Why the last attempt failed. */
    lastFailure: z.string().nullable(),
    /** Who works on it: "pid@host on device". */
    worker: z.string().nullable(),
  })
  .meta({ id: 'JobActivity' });
export type JobActivity = z.infer<typeof JobActivity>;

/** A trainer that asks for jobs. */
export const TrainerView = z
  .object({
    /** "pid@host on device" */
    identity: z.string(),
    /** What it computes on; null where its name does not tell. */
    device: z.string().nullable(),
    lastSeenAt: z.iso.datetime().nullable(),
    /** What it works on now. */
    work: z
      .object({
        runId: z.string(),
        runName: z.string(),
        job: JobActivity.shape.job,
        trialId: z.string().nullable(),
        trialNumber: z.number().int().nullable(),
        since: z.iso.datetime().nullable(),
      })
      .nullable(),
  })
  .meta({ id: 'TrainerView' });
export type TrainerView = z.infer<typeof TrainerView>;

/** Trainers, and the jobs that wait for one. */
export const WorkersView = z
  .object({
    trainers: z.array(TrainerView),
    waiting: z.array(JobActivity.extend({ runId: z.string(), runName: z.string(), reason: z.string() })),
  })
  .meta({ id: 'WorkersView' });
export type WorkersView = z.infer<typeof WorkersView>;
