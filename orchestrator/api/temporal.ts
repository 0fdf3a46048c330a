import {
  Client,
  Connection,
  isGrpcServiceError,
  ScheduleNotFoundError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { JobActivity } from '@voxhelm/contracts/api-live';
import { type ErrorFacts, VoxhelmError } from '@voxhelm/contracts/errors';
import type { PredictJob } from '@voxhelm/contracts/jobs';
import { TASK_QUEUES } from '@voxhelm/contracts/queues';
import type { Settings } from '@voxhelm/contracts/settings';
import { type ConnectedTrainer, connectedTrainers } from '../trainers.ts';
import {
  type DatasetInput,
  datasetWorkflowId,
  predictionWorkflowId,
  RUN_SIGNALS,
  type RunInput,
  runWorkflowId,
  type SuggestionInput,
  suggestionWorkflowId,
  trialWorkflowId,
  WORKFLOWS,
} from '../workflows/signals.ts';
import { notFound } from './errors.ts';
import { describeActivity } from './temporal-activity.ts';
import {
  backfillSchedule,
  describeSchedule,
  type ScheduleTimes,
  type ScheduleWanted,
  syncSchedule,
  triggerSchedule,
} from './temporal-schedules.ts';

/** What a person may ask of a run that goes on. */
export type RunControl = 'pause' | 'resume' | 'cancel';

/**
 * The workflows as the API sees them; every function may be called again without harm. Rejects with `unavailable`, and with
 * `invalid-request` where Temporal refuses what it is asked for.
 */
export interface Workflows {
  /** Starts a run's workflow; does nothing where it was started before. */
  startRun(runId: string): Promise<void>;
  /** Starts a dataset's check; does nothing where it was started before. */
  startDataset(datasetId: string): Promise<void>;
  /** Tells a run's workflow; rejects with `conflict` where the workflow is over. */
  control(runId: string, control: RunControl | 'extend'): Promise<void>;
  /** Starts a prediction's workflow; does nothing where it was started before. */
  startPrediction(predictionId: string, job: PredictJob): Promise<void>;
  /** Why a prediction's workflow failed; null while it goes on or where it succeeded. Rejects with `not-found`. */
  predictionFailure(predictionId: string): Promise<string | null>;
  /** Ends a prediction that is not wanted any more; does nothing where it is over. */
  cancelPrediction(predictionId: string): Promise<void>;
  /** Ends one trial; its run goes on without it. Rejects with `conflict` where its workflow is over. */
  stopTrial(trialId: string): Promise<void>;
  /** What the open ones of these workflows do or wait for; those that are over are left out. */
  activity(workflowIds: readonly string[]): Promise<Map<string, JobActivity[]>>;
  /** False where no workflow of this id goes on. */
  isOpen(workflowId: string): Promise<boolean>;
  /** Makes Temporal's schedule what it is to be. */
  syncSchedule(wanted: ScheduleWanted): Promise<void>;
  /** Fires now. Rejects with `conflict` where Temporal has no such schedule. */
  triggerSchedule(scheduleId: string): Promise<void>;
  backfillSchedule(scheduleId: string, from: Date, to: Date): Promise<void>;
  /** The next times of a schedule; null where Temporal does not know it yet. */
  describeSchedule(scheduleId: string): Promise<ScheduleTimes | null>;
  /** Starts asking the champion what to label next; does nothing where it was started before. */
  startSuggestion(suggestionId: string): Promise<void>;
  /** Trainers that asked for a job in the last minutes. */
  trainers(): Promise<ConnectedTrainer[]>;
  /** Resolves where Temporal answers. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** A call waits this long for Temporal before the API answers 503. */
const DEADLINE_MS = 5_000;
/** A probe waits for less. */
const CHECK_DEADLINE_MS = 1_000;

/** gRPC's status code of a request that is wrong in itself: asked again, it is refused again. */
const INVALID_ARGUMENT = 3;

/** Temporal's own default, where TEMPORAL_ADDRESS is not set. */
const DEFAULT_ADDRESS = '127.0.0.1:7233';

/** Workflows on a Temporal server. Connects with the first call and again by itself, so this never fails. */
export function temporalWorkflows(settings: Pick<Settings, 'temporalAddress' | 'temporalNamespace'>): Workflows {
  const address = settings.temporalAddress ?? DEFAULT_ADDRESS;
  const connection = Connection.lazy({ address });
  const client = new Client({ connection, namespace: settings.temporalNamespace });

  async function call<T>(what: string, work: () => Promise<T>, deadlineMs = DEADLINE_MS): Promise<T> {
    try {
      return await connection.withDeadline(Date.now() + deadlineMs, work);
    } catch (error) {
      throw explain(error, what, address);
    }
  }

  async function start(
    type: string,
    workflowId: string,
    input: RunInput | DatasetInput | PredictJob | SuggestionInput,
  ): Promise<void> {
    try {
      await call(`start ${workflowId}`, () =>
        client.workflow.start(type, {
          workflowId,
          taskQueue: TASK_QUEUES.orchestrator,
          args: [input],
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          workflowIdConflictPolicy: 'USE_EXISTING',
        }),
      );
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }

  return {
    startRun: (runId) => start(WORKFLOWS.run, runWorkflowId(runId), { runId }),
    startDataset: (datasetId) => start(WORKFLOWS.dataset, datasetWorkflowId(datasetId), { datasetId }),
    startPrediction: (id, job) => start(WORKFLOWS.prediction, predictionWorkflowId(id), job),
    predictionFailure: (id) =>
      call(`look at prediction ${id}`, async () => {
        const handle = client.workflow.getHandle(predictionWorkflowId(id));
        const { status } = await handle.describe().catch((error: unknown) => {
          throw error instanceof WorkflowNotFoundError ? notFound('prediction', id) : error;
        });
        if (status.name === 'RUNNING' || status.name === 'COMPLETED') return null;
        return handle.result().then(() => null, firstCause);
      }),
    cancelPrediction: (id) =>
      call(`cancel prediction ${id}`, async () => {
        await client.workflow
          .getHandle(predictionWorkflowId(id))
          .cancel()
          .catch((error: unknown) => {
            if (!(error instanceof WorkflowNotFoundError)) throw error;
          });
      }),
    control: (runId, control) =>
      call(`${control} run ${runId}`, async () => {
        const handle = client.workflow.getHandle(runWorkflowId(runId));
        if (control === 'cancel') await handle.cancel();
        else await handle.signal(RUN_SIGNALS[control]);
      }),
    stopTrial: (trialId) =>
      call(`stop trial ${trialId}`, async () => {
        await client.workflow.getHandle(trialWorkflowId(trialId)).cancel();
      }),
    activity: (workflowIds) => call('describe workflows', () => describeActivity(client, workflowIds)),
    isOpen: (workflowId) =>
      call(`look at ${workflowId}`, () =>
        client.workflow
          .getHandle(workflowId)
          .describe()
          .then(
            ({ status }) => status.name === 'RUNNING',
            (error: unknown) => {
              if (error instanceof WorkflowNotFoundError) return false;
              throw error;
            },
          ),
      ),
    trainers: () =>
      call('list trainers', () => connectedTrainers(connection.workflowService, settings.temporalNamespace)),
    syncSchedule: (wanted) => call(`keep schedule ${wanted.id}`, () => syncSchedule(client, wanted)),
    triggerSchedule: (id) => call(`trigger schedule ${id}`, () => triggerSchedule(client, id)),
    backfillSchedule: (id, from, to) => call(`backfill schedule ${id}`, () => backfillSchedule(client, id, from, to)),
    describeSchedule: (id) => call(`describe schedule ${id}`, () => describeSchedule(client, id)),
    startSuggestion: (suggestionId) =>
      start(WORKFLOWS.suggestion, suggestionWorkflowId(suggestionId), { suggestionId }),
    check: async () => {
      await call('answer', () => connection.workflowService.getSystemInfo({}), CHECK_DEADLINE_MS);
    },
    close: () => connection.close(),
  };
}

/** The message at the bottom of Temporal's wrappings. */
function firstCause(error: unknown): string {
  let found = error as Error;
  while (found.cause instanceof Error) found = found.cause;
  return found.message;
}

function explain(error: unknown, what: string, address: string): unknown {
  if (error instanceof WorkflowExecutionAlreadyStartedError || error instanceof VoxhelmError) return error;
  if (error instanceof ScheduleNotFoundError) {
    return new VoxhelmError('conflict', `cannot ${what}: Temporal does not have it yet`, { cause: error });
  }
  if (error instanceof WorkflowNotFoundError) {
    return new VoxhelmError('conflict', `cannot ${what}: it is over`, { cause: error });
  }
  const facts: ErrorFacts = {
    cause: error,
    fix: 'Try again in some seconds; `voxhelm doctor` tells what is not running.',
  };
  const grpc = [error, (error as Error).cause].find((each) => isGrpcServiceError(each));
  if (grpc?.code === INVALID_ARGUMENT) {
    return new VoxhelmError('invalid-request', `Temporal refuses to ${what}: ${grpc.details}`, { cause: error });
  }
  return grpc === undefined
    ? new VoxhelmError('internal', `Temporal at ${address} refused to ${what}: ${(error as Error).message}`, facts)
    : new VoxhelmError('unavailable', `Temporal at ${address} does not ${what}`, facts);
}
