import {
  CancellationScope,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import { describeFailure } from './failures.ts';
import { analyzeDataset, database, scoreBundle } from './proxies.ts';
import { type FiringInput, type RunInput, runWorkflowId, WORKFLOWS } from './signals.ts';

/**
 * One firing of a schedule: look at the dataset, retrain where there is reason to, compare with the champion, promote or
 * keep. Temporal starts it by the schedule's times; overlap, catching up and pauses are Temporal's.
 */
export async function firingWorkflow({ scheduleId }: FiringInput): Promise<void> {
  const { workflowId, firstExecutionRunId } = workflowInfo();
  const workflowKey = `${workflowId}/${firstExecutionRunId}`;
  const look = await database.beginFiring({ scheduleId, workflowKey, scheduledAt: dueAt().toISOString() });
  if (look === null) return;
  const { firingId, listing, analyze } = look;
  try {
    if (analyze !== null) {
      const result = await analyzeDataset(analyze);
      await database.recordFiringLook({ firingId, listing, result });
    }
    const { runIds } = await database.planRetraining({ firingId });
    if (runIds.length === 0) return;
    for (const runId of runIds) await retrain(runId);
    const { jobs } = await database.prepareComparison({ firingId });
    for (const { runId, job } of jobs) {
      await database.recordScores({ firingId, runId, result: await scoreBundle(job) });
    }
    await database.concludeFiring({ firingId });
  } catch (error) {
    const state = isCancellation(error) ? 'cancelled' : 'failed';
    const message = state === 'cancelled' ? 'Cancelled; the champion stays as it is.' : describeFailure(error).message;
    await CancellationScope.nonCancellable(() => database.endFiring({ firingId, state, message }));
    if (state === 'cancelled') throw error;
  }
}

/** When Temporal's schedule meant this firing to begin: earlier than now where it was caught up. */
function dueAt(): Date {
  const { searchAttributes, startTime } = workflowInfo();
  const [due] = (searchAttributes['TemporalScheduledStartTime'] ?? []) as readonly (Date | string)[];
  return due === undefined ? startTime : new Date(due);
}

/** Runs a run to its end. How it ended stands in its row, so that a failed one does not end the firing with it. */
async function retrain(runId: string): Promise<void> {
  try {
    await executeChild<(input: RunInput) => Promise<void>>(WORKFLOWS.run, {
      workflowId: runWorkflowId(runId),
      args: [{ runId }],
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      // A run that has begun is worth its time even where its firing is ended from outside.
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
  } catch (error) {
    // The run's own cancellation by a user is the run's end; the firing's is passed on.
    if (isCancellation(error) && CancellationScope.current().consideredCancelled) throw error;
  }
}
