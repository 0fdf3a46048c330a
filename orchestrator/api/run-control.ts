import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { RunState } from '@voxhelm/contracts/run';
import type { Database } from '@voxhelm/prisma/client';
import { notFound } from './errors.ts';
import type { RunControl, Workflows } from './temporal.ts';

/** In which states each request is sent on, and in which there is nothing left to do; in all others it is refused. */
const ALLOWED: Readonly<Record<RunControl, { send: readonly RunState[]; done: readonly RunState[] }>> = {
  pause: { send: ['queued', 'running', 'pausing'], done: ['paused'] },
  resume: { send: ['pausing', 'paused'], done: ['queued', 'running'] },
  cancel: { send: ['queued', 'running', 'pausing', 'paused', 'cancelling'], done: ['cancelled'] },
};

/**
 * Pauses, resumes or cancels a run by telling its workflow, which records what became of it. May be asked again. Throws
 * `not-found`, `conflict` where the run's state does not allow it, `unavailable` where the workflow cannot be told.
 */
export async function controlRun(
  database: Database,
  workflows: Workflows,
  runId: string,
  control: RunControl,
): Promise<void> {
  const run = await database.run.findUnique({ where: { id: runId }, select: { state: true, workflowStarted: true } });
  if (run === null) throw notFound('run', runId);
  const state = run.state as RunState;
  const { send, done } = ALLOWED[control];
  if (done.includes(state)) return;
  if (!send.includes(state)) {
    throw new VoxhelmError('conflict', `run "${runId}" is ${state}, so it cannot ${control}`, {
      fix: `It can ${control} while it is ${send.join(', ')}.`,
      details: { state },
    });
  }
  if (!run.workflowStarted) {
    await workflows.startRun(runId);
    await database.run.update({ where: { id: runId }, data: { workflowStarted: true } });
  }
  await workflows.control(runId, control);
}
