import { Client, WorkflowNotFoundError } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { TASK_QUEUES } from '@voxhelm/contracts/queues';
import type { TemporalView } from './activities/dependencies.ts';

/** temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY */
const ACTIVITY_QUEUE = 2;

/** What activities see of a Temporal server. */
export function temporalView(connection: NativeConnection, namespace: string): TemporalView {
  const client = new Client({ connection, namespace });
  return {
    async countTrainers() {
      const { pollers } = await connection.workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name: TASK_QUEUES.gpu },
        taskQueueType: ACTIVITY_QUEUE,
      });
      return new Set((pollers ?? []).map(({ identity }) => identity)).size;
    },

    async signal(workflowId, signal, ...args) {
      try {
        await client.workflow.getHandle(workflowId).signal(signal, ...args);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },

    async isOpen(workflowId) {
      try {
        const { status } = await client.workflow.getHandle(workflowId).describe();
        return status.name === 'RUNNING';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    },
  };
}
