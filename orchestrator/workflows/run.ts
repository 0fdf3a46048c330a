import { ApplicationFailure, CancellationScope, ContinueAsNew, isCancellation } from '@temporalio/workflow';
import type { ProbeJob, ProbeResult } from '@voxhelm/contracts/jobs';
import type { MeasuredPlan, OrchestratorActivities } from './activity-interface.ts';
import { describeFailure, ranOutOfTime } from './failures.ts';
import { analyzeDataset, buildEnsemble, database, probePlan, probePlanWithin } from './proxies.ts';
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
  const probes: MeasuredPlan[] = [];
  for (const { algorithm, job, inBudget, ifTime } of await database.prepareBundles({ runId })) {
    const result = await doUnlessPaused(window, () => {
      if (inBudget === true) return measureInBudget({ runId, algorithm }, job);
      return ifTime === true ? measureIfTime({ runId, algorithm, probes }, job) : probePlan(job);
    });
    if (result !== null) probes.push({ algorithm, result });
  }
  await holdWhilePaused(window);
  const { parallel, kept } = await database.layOutStudy({ runId, probes });
  window.parallel = parallel;
  window.nextNumber = kept ?? 0; // Histories of before branches say nothing of it.
}

/** Measures the first algorithm's plan while the budget lasts; fails where that is over before, and nothing is known of any. */
async function measureInBudget(first: { runId: string; algorithm: string }, job: ProbeJob): Promise<ProbeResult> {
  for (let wasCut = false; ; wasCut = true) {
    // The budget may have been raised since.
    const withinMs = await database.timeForFirstProbe({ ...first, wasCut });
    if (withinMs === null) return probePlan(job);
    try {
      return await probePlanWithin(withinMs, job);
    } catch (error) {
      if (!ranOutOfTime(error)) throw error;
    }
  }
}

/** Measures another algorithm's plan while the budget has time for it; null where it has not, or no longer. */
async function measureIfTime(
  next: Parameters<OrchestratorActivities['timeForProbe']>[0],
  job: ProbeJob,
): Promise<ProbeResult | null> {
  const withinMs = await database.timeForProbe(next);
  if (withinMs === null) return null;
  try {
    return await probePlanWithin(withinMs, job);
  } catch (error) {
    if (ranOutOfTime(error)) return null;
    throw error;
  }
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
