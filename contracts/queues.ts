/**
 * Task queues by what polls them. A trainer polls two: jobs for its device, and datasets to read, which need none and so
 * never wait for another run's training. Free of zod, so that workflows may import it.
 */
export const TASK_QUEUES = {
  orchestrator: 'voxhelm-orchestrator',
  gpu: 'voxhelm-gpu',
  analysis: 'voxhelm-analysis',
} as const;
