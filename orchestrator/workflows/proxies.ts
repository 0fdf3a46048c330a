import { ActivityCancellationType, type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import type { GpuActivities, ProbeJob, ProbeResult } from '@voxhelm/contracts/jobs';
import { TASK_QUEUES } from '@voxhelm/contracts/queues';
import type { OrchestratorActivities } from './activity-interface.ts';
import { NON_RETRYABLE_CODES } from './retry-codes.ts';

/** Database work: short, and tried until the database is back. The timeout is what a killed worker costs. */
export const database = proxyActivities<OrchestratorActivities>({
  taskQueue: TASK_QUEUES.orchestrator,
  startToCloseTimeout: '20 s',
  // What is being written is awaited, so that its result is known when the run is cancelled.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: {
    initialInterval: '250 ms',
    backoffCoefficient: 2,
    maximumInterval: '10 s',
    nonRetryableErrorTypes: [...NON_RETRYABLE_CODES],
  },
});

/**
 * Jobs for a trainer. The trainer beats every second, so that 30 s of silence mean that it is gone; waiting in the queue
 * has no limit, for other runs may hold all trainers. A cancelled job is waited for: its trainer saves a checkpoint first.
 */
const gpuOptions = {
  taskQueue: TASK_QUEUES.gpu,
  heartbeatTimeout: '30 s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: {
    initialInterval: '1 s',
    backoffCoefficient: 2,
    maximumInterval: '30 s',
    maximumAttempts: 5,
    nonRetryableErrorTypes: [...NON_RETRYABLE_CODES],
  },
} satisfies ActivityOptions;

/** The whole of a dataset read once. */
export const { analyzeDataset } = proxyActivities<GpuActivities>({
  ...gpuOptions,
  taskQueue: TASK_QUEUES.analysis,
  startToCloseTimeout: '6 hours',
});

/** A few steps and one prediction. */
const probeOptions = { ...gpuOptions, startToCloseTimeout: '30 minutes' } satisfies ActivityOptions;

/** Measures a plan, however long it takes. */
export const { probePlan } = proxyActivities<GpuActivities>(probeOptions);

/** Measures a plan within so much time, waiting for a trainer included; see {@link ranOutOfTime}. */
export function probePlanWithin(withinMs: number, job: ProbeJob): Promise<ProbeResult> {
  return proxyActivities<GpuActivities>({ ...probeOptions, scheduleToCloseTimeout: withinMs }).probePlan(job);
}

/** Bounded by its steps; the timeout only ends what hangs in a way that still beats. */
export const { trainTrial } = proxyActivities<GpuActivities>({ ...gpuOptions, startToCloseTimeout: '14 days' });

/** Predicts all validation and test cases a few times; or comparison cases, or unlabelled ones. */
export const { buildEnsemble, scoreBundle, suggestCases } = proxyActivities<GpuActivities>({
  ...gpuOptions,
  startToCloseTimeout: '2 days',
});

/** One image. A person waits for it: it is not tried as often as what a run depends on. */
export const { predictImage } = proxyActivities<GpuActivities>({
  ...gpuOptions,
  startToCloseTimeout: '6 hours',
  retry: { ...gpuOptions.retry, maximumAttempts: 2 },
});
