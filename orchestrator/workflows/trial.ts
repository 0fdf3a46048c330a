import {
  CancellationScope,
  condition,
  defineSignal,
  getExternalWorkflowHandle,
  isCancellation,
  setHandler,
} from '@temporalio/workflow';
import type { TrainResult } from '@voxhelm/contracts/jobs';
import type { TrialOutcome } from './activity-interface.ts';
import { describeFailure } from './failures.ts';
import { database, trainTrial } from './proxies.ts';
import { RUN_TO_TRIAL_SIGNALS, runWorkflowId, TRIAL_TO_RUN_SIGNALS, type TrialInput } from './signals.ts';

/**
 * One trial: handed to a trainer, after each pause again under a new lease, until it ends; then told to the study and to
 * its run. Whatever happens to the trial ends here: the run only hears that it has finished.
 */
export async function trialWorkflow(input: TrialInput): Promise<void> {
  const { runId, trialId } = input.job;
  const run = getExternalWorkflowHandle(runWorkflowId(runId));
  let pause: number | null = null;
  let training: CancellationScope | null = null;
  setHandler(defineSignal<[number]>(RUN_TO_TRIAL_SIGNALS.pause), (number) => {
    pause = number;
    training?.cancel();
  });
  setHandler(defineSignal(RUN_TO_TRIAL_SIGNALS.resume), () => {
    pause = null;
  });

  /** Trains under one lease; null where a pause took the trainer away. */
  async function trainOnce(lease: number): Promise<TrainResult | null> {
    const job = lease === input.job.lease ? input.job : await database.resumeTrial({ trialId, lease });
    if (pause !== null) return null;
    training = new CancellationScope();
    try {
      return await training.run(() => trainTrial(job));
    } catch (error) {
      // The whole workflow's cancellation is not ours to catch; the scope's own is the pause.
      if (isCancellation(error) && !CancellationScope.current().consideredCancelled) return null;
      throw error;
    } finally {
      training = null;
    }
  }

  async function trainToTheEnd(): Promise<TrialOutcome> {
    for (let lease = input.job.lease; ; lease++) {
      while (pause !== null) {
        // Another pause may follow before this one's end is seen: each is answered.
        const answered: number = pause;
        await run.signal(TRIAL_TO_RUN_SIGNALS.trialPaused, trialId, answered);
        await condition(() => pause !== answered);
      }
      const result = await trainOnce(lease);
      if (result !== null) return { kind: 'trained', result };
      await database.releaseTrial({ trialId, lease });
    }
  }

  let outcome: TrialOutcome;
  try {
    outcome = await trainToTheEnd();
  } catch (error) {
    outcome = isCancellation(error) ? { kind: 'cancelled' } : { kind: 'failed', failure: describeFailure(error) };
  }
  await CancellationScope.nonCancellable(() => database.finishTrial({ trialId, outcome }));
}
