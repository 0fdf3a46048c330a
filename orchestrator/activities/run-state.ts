import { toJson } from '@voxhelm/prisma/json';
import { tellWebhooks } from '../webhook-outbox.ts';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import type { Dependencies } from './dependencies.ts';
import { addEvents, changeRun, hasEnded } from './run-rows.ts';

type RunStateActivities = Pick<
  OrchestratorActivities,
  'markPausing' | 'markPaused' | 'markResumed' | 'beginEnd' | 'endRun'
>;

/** Pausing, resuming and ending runs. */
export function runStateActivities({ db, now }: Dependencies): RunStateActivities {
  return {
    async markPausing({ runId, pause }) {
      await changeRun(db, runId, async (transaction, run) => {
        if (hasEnded(run) || run.state === 'paused') return;
        const message = 'Pausing: trainers save their checkpoints and let go.';
        await transaction.run.update({ where: { id: runId }, data: { state: 'pausing', message } });
        await addEvents(transaction, runId, { key: `pausing:${pause}`, type: 'run.pausing', message });
      });
    },

    async markPaused({ runId, pause }) {
      await changeRun(db, runId, async (transaction, run) => {
        if (hasEnded(run) || run.state === 'paused') return;
        const message = 'Paused. No trainer works for this run; every trial goes on from its checkpoint when resumed.';
        await transaction.run.update({ where: { id: runId }, data: { state: 'paused', message, pausedAt: now() } });
        await addEvents(transaction, runId, { key: `paused:${pause}`, type: 'run.paused', message });
      });
    },

    async markResumed({ runId, pause }) {
      await changeRun(db, runId, async (transaction, run) => {
        if (hasEnded(run) || (run.state !== 'paused' && run.state !== 'pausing')) return;
        const waitedMs = run.pausedAt === null ? 0 : Math.max(0, now().getTime() - run.pausedAt.getTime());
        const message = 'Resumed: trials go on from their checkpoints.';
        await transaction.run.update({
          where: { id: runId },
          data: {
            state: 'running',
            message,
            pausedAt: null,
            pausedMs: run.pausedMs + waitedMs,
            plannedUntil: run.plannedUntil === null ? null : new Date(run.plannedUntil.getTime() + waitedMs),
          },
        });
        await addEvents(transaction, runId, { key: `resumed:${pause}`, type: 'run.resumed', message });
      });
    },

    async beginEnd({ runId, state }) {
      return changeRun(db, runId, async (transaction, run) => {
        const open = await transaction.trial.findMany({
          where: { runId, state: { in: ['waiting', 'running'] } },
          select: { id: true },
        });
        if (state === 'cancelled' && !hasEnded(run)) {
          const message = 'Cancelling: trainers save their checkpoints and let go.';
          await transaction.run.update({ where: { id: runId }, data: { state: 'cancelling', message } });
          await addEvents(transaction, runId, { key: 'cancelling', type: 'run.cancelling', message });
        }
        return { openTrials: open.map(({ id }) => id) };
      });
    },

    async endRun({ runId, state, failure }) {
      await changeRun(db, runId, async (transaction, run) => {
        if (hasEnded(run)) return;
        const finished = await transaction.trial.count({ where: { runId, state: { in: ['completed', 'pruned'] } } });
        const message =
          state === 'cancelled'
            ? `Cancelled during ${run.stage}; the results of ${finished} finished trials are kept.`
            : (failure?.message ?? 'Failed.');
        await transaction.trial.updateMany({
          where: { runId, state: { in: ['waiting', 'running'] } },
          data: { state: 'cancelled', reason: `the run was ${state}`, finishedAt: now(), progress: toJson(null) },
        });
        await transaction.run.update({
          where: { id: runId },
          data: { state, message, failure: toJson(failure), finishedAt: now(), plannedUntil: null, pausedAt: null },
        });
        // A dataset that only this run was to check, and that it did not get to, is checked for itself: the API starts
        // that from this mark, and once only.
        await transaction.dataset.updateMany({
          where: { id: run.datasetId, state: 'checking', analysisId: null },
          data: { workflowStarted: false },
        });
        await addEvents(transaction, runId, {
          key: 'ended',
          type: `run.${state}`,
          message,
          data: failure === null ? {} : { failure: { ...failure } },
        });
        if (state === 'failed') {
          await tellWebhooks(transaction, {
            event: 'run.failed',
            key: `run:${runId}`,
            datasetId: run.datasetId,
            message,
            data: { runId, name: run.name, failure: { ...failure } },
          });
        }
      });
    },
  };
}
