import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import type { TrainingVolume } from '@voxhelm/imaging/patch-sampler';
import type { Batch } from './messages.ts';
import type { ThreadPool } from './thread-pool.ts';

/** What batches are made of; batch `step` is a pure function of these and of `step`. */
export interface BatchLoaderOptions {
  readonly pool: ThreadPool;
  readonly volumes: readonly TrainingVolume[];
  readonly plan: Plan;
  readonly seed: number;
  /** No batch of a later step is made ahead. */
  readonly lastStep: number;
  /** Batches in the making ahead of the device. */
  readonly depth?: number;
}

/** Batches by step, made ahead of the device. */
export interface BatchLoader {
  /** The batch of a step. Asked for in order it is most often ready; any other step is made on demand. */
  next(step: number): Promise<Batch>;
  /** Milliseconds that `next` let its callers wait, in all. */
  waitedMs(): number;
}

/** Deep enough to even out slow batches (a rotated one costs several plain ones), small enough for large patches. */
const DEPTH = 4;

/** Hands the volumes to the threads (shared memory, nothing is copied) and begins with the first step asked for. */
export async function openBatchLoader(options: BatchLoaderOptions): Promise<BatchLoader> {
  const { pool, volumes, plan, seed, lastStep } = options;
  if (volumes.length === 0) {
    throw new VoxhelmError('bad-dataset', 'there is no training case to sample batches from');
  }
  const depth = Math.max(options.depth ?? DEPTH, pool.threads);
  await pool.askAll({ type: 'volumes', volumes, plan, seed });
  const ahead = new Map<number, Promise<Batch>>();
  let waitedMs = 0;

  function begin(step: number): Promise<Batch> {
    const known = ahead.get(step);
    if (known !== undefined) return known;
    const batch = pool.ask({ type: 'sample', step }) as Promise<Batch>;
    batch.catch(() => undefined); // Whoever awaits it is told; a batch that nobody awaits any more is no crash.
    ahead.set(step, batch);
    return batch;
  }

  return {
    async next(step) {
      const startedAt = performance.now();
      const batch = begin(step);
      for (const other of ahead.keys()) if (other < step || other > step + depth) ahead.delete(other);
      for (let later = step + 1; later <= Math.min(step + depth, lastStep); later += 1) void begin(later);
      ahead.delete(step);
      try {
        return await batch;
      } finally {
        waitedMs += performance.now() - startedAt;
      }
    },
    waitedMs: () => waitedMs,
  };
}
