import { ApplicationFailure, CancellationScope, ContinueAsNew, isCancellation } from '@temporalio/workflow';
import { describeFailure } from './failures.ts';
import { analyzeDataset, buildEnsemble, database, probePlan } from './proxies.ts';
import type { RunInput } from './signals.ts';
import {
  cancelTrials,
  doUnlessPaused,
  holdWhilePaused,
  openTrialWindow,
  runTrials,
  type TrialWindow,
} from './trial-window.ts';

/**
 * A run, end to end: dataset -> analysis -> bundles -> trials (search on fold 0, then the winners on the other folds)
 * -> ensemble. It holds decisions, not data: what it knows between two lives is the ids of the trials in flight.
 */
export async function runWorkflow(input: RunInput): Promise<void> {
  const { runId } = input;
  const window = openTrialWindow(input);
  try {
    const phase = input.carried?.phase ?? 'start';
    if (phase === 'start') {
      await analyse(window);
      await plan(window);
    }
    if (phase !== 'fold') {
      await runTrials(window, 'search');
      await database.planFolds({ runId });
    }
    await runTrials(window, 'fold');
    await ensemble(window);
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    await CancellationScope.nonCancellable(() => endEarly(window, error));
    if (isCancellation(error)) throw error;
    // Anything else than Temporal's own failures would be taken for a fault of this code and tried for ever.
    const { message, code } = describeFailure(error);
    throw ApplicationFailure.nonRetryable(message, code);
  }
}

async function analyse(window: TrialWindow): Promise<void> {
  const { runId } = window.input;
  await holdWhilePaused(window);
  const job = await database.beginRun({ runId });
  if (job === null) return;
  const result = await doUnlessPaused(window, () => analyzeDataset(job));
  await database.recordRunAnalysis({ runId, result });
}

async function plan(window: TrialWindow): Promise<void> {
  const { runId } = window.input;
  await holdWhilePaused(window);
  const probes = [];
  for (const { algorithm, job } of await database.prepareBundles({ runId })) {
    probes.push({ algorithm, result: await doUnlessPaused(window, () => probePlan(job)) });
  }
  await holdWhilePaused(window);
  const { parallel, kept } = await database.layOutStudy({ runId, probes });
  window.parallel = parallel;
  window.nextNumber = kept ?? 0; // Histories of before branches say nothing of it.
}

async function ensemble(window: TrialWindow): Promise<void> {
  const { runId } = window.input;
  await holdWhilePaused(window);
  const job = await database.prepareEnsemble({ runId });
  const result = await doUnlessPaused(window, () => buildEnsemble(job));
  await database.recordEnsemble({ runId, result });
}

/** Records a run's cancellation or failure, with the results so far kept. */
async function endEarly(window: TrialWindow, error: unknown): Promise<void> {
  const { runId } = window.input;
  const state = isCancellation(error) ? 'cancelled' : 'failed';
  // A trial may have been started by an activity whose answer never came: the database knows it.
  const { openTrials } = await database.beginEnd({ runId, state });
  await cancelTrials(window, openTrials);
  await database.endRun({ runId, state, failure: state === 'failed' ? describeFailure(error) : null });
}
