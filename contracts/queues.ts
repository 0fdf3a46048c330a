/**
 * Task queues by what polls them. A trainer polls two: jobs for its device, and datasets to read, which need none and so
 * never wait for another run's training. Free of zod, so that workflows may import it.
 */
export const TASK_QUEUES = {
  orchestrator: 'voxhelm-orchestrator',
  gpu: 'voxhelm-gpu',
  analysis: 'voxhelm-analysis',
} as const;

/** Between a trainer's process and its device in the name that it gives Temporal: both are seen there, and by the API. */
const ON_DEVICE = ' on ';

/** A trainer's name: "pid@host on device". */
export function trainerIdentity(process: string, device: string): string {
  return `${process}${ON_DEVICE}${device}`;
}

/** A trainer's process by its name: "pid@host". */
export function processOfTrainer(identity: string): string {
  return identity.split(ON_DEVICE)[0] as string;
}

/** The device of a trainer by its name; null where it does not tell (an earlier version's). */
export function deviceOfTrainer(identity: string): string | null {
  const at = identity.indexOf(ON_DEVICE);
  return at < 0 ? null : identity.slice(at + ON_DEVICE.length);
}
