import type { Connection } from '@temporalio/client';
import { processOfTrainer, TASK_QUEUES } from '@voxhelm/contracts/queues';

/** temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY */
const ACTIVITY_QUEUE = 2;

/**
 * A poll waits for a minute and is then begun anew, on the queue of analyses also by a trainer that trains: whoever was
 * not heard of for longer is gone. Temporal itself forgets a poller after five minutes.
 */
const GONE_AFTER_MS = 100_000;

/** A trainer that asked for a job a moment ago. */
export interface ConnectedTrainer {
  readonly identity: string;
  readonly lastSeenAt: string;
}

/** Trainers that are connected now, by either queue that they poll. */
export async function connectedTrainers(
  service: Pick<Connection['workflowService'], 'describeTaskQueue'>,
  namespace: string,
): Promise<ConnectedTrainer[]> {
  const queues = await Promise.all(
    [TASK_QUEUES.gpu, TASK_QUEUES.analysis].map((name) =>
      service.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType: ACTIVITY_QUEUE }),
    ),
  );
  const newestMs = new Map<string, number>();
  for (const { identity, lastAccessTime } of queues.flatMap(({ pollers }) => pollers ?? [])) {
    if (!identity) continue;
    const seenMs = Number(lastAccessTime?.seconds ?? 0) * 1_000 + (lastAccessTime?.nanos ?? 0) / 1e6;
    newestMs.set(identity, Math.max(seenMs, newestMs.get(identity) ?? 0));
  }
  return [...newestMs]
    .filter(([, seenMs]) => Date.now() - seenMs < GONE_AFTER_MS)
    .map(([identity, seenMs]) => ({ identity, lastSeenAt: new Date(seenMs).toISOString() }));
}

/** How many trainers the host with the most of them has; 1 where none is known. */
export function mostOfOneHost(trainers: readonly Pick<ConnectedTrainer, 'identity'>[]): number {
  const hosts = new Map<string, number>();
  for (const { identity } of trainers) {
    const worker = processOfTrainer(identity);
    const host = worker.slice(worker.indexOf('@') + 1);
    hosts.set(host, (hosts.get(host) ?? 0) + 1);
  }
  return Math.max(1, ...hosts.values());
}
