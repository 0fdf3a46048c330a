/** Task queues by the kind of process that polls them. Free of zod, so that workflows may import it. */
export const TASK_QUEUES = { orchestrator: 'voxhelm-orchestrator', gpu: 'voxhelm-gpu' } as const;
