import { JobActivity, WorkersView } from '@voxhelm/contracts/api-live';
import { deviceOfTrainer } from '@voxhelm/contracts/queues';
import { FINAL_RUN_STATES } from '@voxhelm/contracts/run';
import type { Database } from '@voxhelm/prisma/client';
import { z } from 'zod';
import { runWorkflowId, trialWorkflowId } from '../../../workflows/signals.ts';
import { notFound } from '../../errors.ts';
import { problemResponse } from '../../openapi.ts';
import type { App, Services } from '../../services.ts';

/** Runs and trials looked at for the workers' page. */
const OPEN_LIMIT = 200;

/** What a run's jobs do or wait for, and who works. */
export function workerRoutes(app: App, { database, workflows }: Services): void {
  app.get(
    '/runs/:id/activity',
    {
      schema: {
        tags: ['runs'],
        summary: 'What a run is doing or waiting for now: attempts, reasons, workers',
        params: z.object({ id: z.string() }),
        response: { 200: z.array(JobActivity), ...problemResponse },
      },
    },
    async ({ params: { id } }) => {
      const run = await database.run.findUnique({
        where: { id },
        select: { id: true, trials: { where: { state: { in: ['waiting', 'running'] } }, select: { id: true } } },
      });
      if (run === null) throw notFound('run', id);
      const found = await workflows.activity([
        runWorkflowId(id),
        ...run.trials.map((trial) => trialWorkflowId(trial.id)),
      ]);
      return [...found.values()].flat();
    },
  );

  app.get(
    '/workers',
    {
      schema: {
        tags: ['system'],
        summary: 'Trainers, what each works on, and the jobs that wait for one',
        response: { 200: WorkersView, ...problemResponse },
      },
    },
    async () => {
      const [trainers, jobs] = await Promise.all([workflows.trainers(), openJobs(database, workflows)]);
      const working = new Map(jobs.filter(({ state }) => state === 'working').map((job) => [job.worker, job]));
      // A trainer that works does not ask for jobs, so Temporal may have forgotten it as a poller.
      const names = new Set(
        [...trainers.map(({ identity }) => identity), ...working.keys()].filter((name) => name !== null),
      );
      return {
        trainers: [...names].map((identity) => {
          const job = working.get(identity);
          return {
            identity,
            device: deviceOfTrainer(identity),
            lastSeenAt: trainers.find((each) => each.identity === identity)?.lastSeenAt ?? null,
            work:
              job === undefined
                ? null
                : {
                    runId: job.runId,
                    runName: job.runName,
                    job: job.job,
                    trialId: job.trialId,
                    trialNumber: job.trialNumber,
                    since: job.since,
                  },
          };
        }),
        waiting: jobs
          .filter(({ state, job }) => state !== 'working' && job !== 'bookkeeping')
          .map((job) => ({ ...job, reason: reasonOf(job, trainers.length, working.size) })),
      };
    },
  );
}

type OpenJob = JobActivity & { runId: string; runName: string; trialNumber: number | null };

async function openJobs(database: Database, workflows: Services['workflows']): Promise<OpenJob[]> {
  const runs = await database.run.findMany({
    where: { state: { notIn: [...FINAL_RUN_STATES] } },
    orderBy: { id: 'asc' },
    take: OPEN_LIMIT,
    select: {
      id: true,
      name: true,
      trials: { where: { state: { in: ['waiting', 'running'] } }, select: { id: true, number: true } },
    },
  });
  const owners = new Map(
    runs.flatMap((run) => [
      [runWorkflowId(run.id), { runId: run.id, runName: run.name, trialNumber: null }] as const,
      ...run.trials.map(
        ({ id, number }) =>
          [trialWorkflowId(id), { runId: run.id, runName: run.name, trialNumber: number as number | null }] as const,
      ),
    ]),
  );
  const found = await workflows.activity([...owners.keys()]);
  return [...found].flatMap(([id, jobs]) => {
    const owner = owners.get(id);
    return owner === undefined ? [] : jobs.map((job) => ({ ...job, ...owner }));
  });
}

function reasonOf(job: OpenJob, trainers: number, busy: number): string {
  if (job.state === 'retrying') {
    return `Attempt ${job.attempt}${job.maximumAttempts > 0 ? ` of ${job.maximumAttempts}` : ''} follows: ${job.lastFailure ?? 'the last one was lost'}`;
  }
  if (trainers === 0) return 'No trainer is connected. Start one with `npx voxhelm up`, or on another machine.';
  if (busy >= trainers) return `All ${trainers} trainers are at work; the queue is served in order.`;
  return 'A trainer takes it within a second.';
}
