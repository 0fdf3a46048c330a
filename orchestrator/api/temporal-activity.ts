import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { JobActivity } from '@voxhelm/contracts/api-live';

/** temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED */
const STARTED = 2;
/** Workflows described at once. */
const AT_ONCE = 20;

const JOBS: Readonly<Record<string, JobActivity['job']>> = {
  analyzeDataset: 'analysis',
  probePlan: 'probe',
  trainTrial: 'training',
  buildEnsemble: 'ensemble',
  predictImage: 'prediction',
};

/** What the open ones of these workflows do or wait for, by workflow id. */
export async function describeActivity(
  client: Client,
  workflowIds: readonly string[],
): Promise<Map<string, JobActivity[]>> {
  const found = new Map<string, JobActivity[]>();
  for (let from = 0; from < workflowIds.length; from += AT_ONCE) {
    await Promise.all(
      workflowIds.slice(from, from + AT_ONCE).map(async (id) => {
        try {
          const { status, raw } = await client.workflow.getHandle(id).describe();
          if (status.name !== 'RUNNING') return;
          const trialId = id.startsWith('trial-') ? id.slice('trial-'.length) : null;
          found.set(
            id,
            (raw.pendingActivities ?? []).map((pending) => jobActivity(pending, trialId)),
          );
        } catch (error) {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        }
      }),
    );
  }
  return found;
}

type Pending = NonNullable<
  Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['describe']>>['raw']['pendingActivities']
>[number];

function jobActivity(pending: Pending, trialId: string | null): JobActivity {
  const attempt = pending.attempt ?? 1;
  const working = pending.state === STARTED;
  return {
    job: JOBS[pending.activityType?.name ?? ''] ?? 'bookkeeping',
    trialId,
    state: working ? 'working' : attempt > 1 ? 'retrying' : 'waiting',
    attempt,
    maximumAttempts: pending.maximumAttempts ?? 0,
    since: working ? timeOf(pending.lastStartedTime) : timeOf(pending.scheduledTime),
    nextAttemptAt: working || attempt === 1 ? null : timeOf(pending.scheduledTime),
    lastFailure: pending.lastFailure?.message ?? null,
    worker: pending.lastWorkerIdentity || null,
  };
}

interface ProtoTime {
  seconds?: { toString(): string } | null;
  nanos?: number | null;
}

function timeOf(time: ProtoTime | null | undefined): string | null {
  if (time === null || time === undefined) return null;
  return new Date(Number(String(time.seconds ?? 0)) * 1000 + (time.nanos ?? 0) / 1e6).toISOString();
}
