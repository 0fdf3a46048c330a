import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { RunState } from '@voxhelm/contracts/run';
import type { Database } from '@voxhelm/prisma/client';
import { notFound } from './errors.ts';
import type { RunControl, Workflows } from './temporal.ts';

const GOING_ON: readonly RunState[] = ['queued', 'running', 'pausing', 'paused'];

/**
 * In which states each request is passed on. Also where it looks done already: the row may lag behind what was asked a
 * moment ago (pause, then resume), and the workflow takes each request any number of times.
 */
const ALLOWED: Readonly<Record<RunControl, readonly RunState[]>> = {
  pause: GOING_ON,
  resume: GOING_ON,
  cancel: [...GOING_ON, 'cancelling'],
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
  if (control === 'cancel' && state === 'cancelled') return;
  const allowed = ALLOWED[control];
  if (!allowed.includes(state)) {
    throw new VoxhelmError('conflict', `run "${runId}" is ${state}, so it cannot ${control}`, {
      fix: `It can ${control} while it is ${allowed.join(', ')}.`,
      details: { state },
    });
  }
  if (!run.workflowStarted) {
    await workflows.startRun(runId);
    await database.run.update({ where: { id: runId }, data: { workflowStarted: true } });
  }
  await workflows.control(runId, control);
}
