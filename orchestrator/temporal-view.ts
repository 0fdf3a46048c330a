import { Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { TASK_QUEUES } from '@voxhelm/contracts/queues';
import type { TemporalView } from './activities/dependencies.ts';
import { connectedTrainers, mostOfOneHost } from './trainers.ts';
import { trialWorkflowId, WORKFLOWS } from './workflows/signals.ts';

/** What activities see of a Temporal server. */
export function temporalView(connection: NativeConnection, namespace: string): TemporalView {
  const client = new Client({ connection, namespace });
  return {
    async countTrainers() {
      return (await connectedTrainers(connection.workflowService, namespace)).length;
    },

    async mostTrainersOfOneHost() {
      return mostOfOneHost(await connectedTrainers(connection.workflowService, namespace));
    },

    async startTrial(input) {
      try {
        await client.workflow.start(WORKFLOWS.trial, {
          workflowId: trialWorkflowId(input.job.trialId),
          taskQueue: TASK_QUEUES.orchestrator,
          args: [input],
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          workflowIdConflictPolicy: 'USE_EXISTING',
        });
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
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
