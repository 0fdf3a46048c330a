import { type Job, SmallerWhy } from '@voxhelm/contracts/jobs';
import { type ArtifactStore, readJson, writeJson } from '@voxhelm/storage/artifact-store';
import { z } from 'zod';

/**
 * What attempts learned of a job's memory, in the artifact store beside what the job leaves: no restart of a trainer, no pause
 * and no other trainer's attempt forgets it.
 */
const Learnt = z.object({
  schemaVersion: z.literal(1),
  /** SHA-256 of the plan that it is true of. */
  plan: z.string(),
  /** How often the plan was made smaller, and why the last time. */
  smaller: z.number().int().nonnegative(),
  why: SmallerWhy.default('memory'),
});

/** See {@link openLearntMemory}. */
export interface LearntMemory {
  /** How often the plan is to be made smaller from the start. */
  readonly smaller: number;
  /** Why the last time. */
  readonly why: SmallerWhy;
  /** Memory ran out, or so it seems: remembers it, and returns how often the plan is to be made smaller now. */
  ranOut(why: SmallerWhy): Promise<number>;
}

/** What earlier attempts learned; of a job without a plan, or without a place of its own, nothing is kept. */
export async function openLearntMemory(store: ArtifactStore, job: Job): Promise<LearntMemory> {
  const plan = 'plan' in job ? job.plan.sha256 : null;
  const prefix = 'artifactPrefix' in job ? job.artifactPrefix : undefined;
  const key = plan === null || prefix === undefined ? null : `${prefix}/memory.json`;
  const known = key === null ? null : await store.find(key);
  const learnt = known === null ? null : await readJson(store, known, Learnt);
  let smaller = learnt?.plan === plan ? (learnt?.smaller ?? 0) : 0;
  return {
    smaller,
    why: learnt?.why ?? 'memory',
    async ranOut(why) {
      smaller += 1;
      if (key !== null && plan !== null) {
        await writeJson(store, key, { schemaVersion: 1, plan, smaller, why } satisfies z.infer<typeof Learnt>);
      }
      return smaller;
    },
  };
}
