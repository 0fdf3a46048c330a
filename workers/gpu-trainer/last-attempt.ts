import type { TrainJob } from '@voxhelm/contracts/jobs';
import { type ArtifactStore, readJson, writeJson } from '@voxhelm/storage/artifact-store';
import { z } from 'zod';

/**
 * Why an attempt of a trial ended, beside what the trial leaves: the next attempt tells it. Temporal gives an attempt the number of
 * those before it and not their reasons; a trainer that was lost wrote nothing, and that is told as well.
 */
const LastAttempt = z.object({
  schemaVersion: z.literal(1),
  lease: z.number().int(),
  attempt: z.number().int(),
  why: z.string(),
});

/** More of a library's message than this is for the log. */
const LONGEST = 240;

function keyOf({ artifactPrefix }: TrainJob): string {
  return `${artifactPrefix}/last-attempt.json`;
}

/** Writes why this attempt failed. `message`: an error's; its first line is kept. */
export async function noteFailure(
  store: ArtifactStore,
  job: TrainJob,
  attempt: number,
  message: string,
): Promise<void> {
  const [line = ''] = message.split('\n');
  const why = line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
  const note: z.infer<typeof LastAttempt> = { schemaVersion: 1, lease: job.lease, attempt, why };
  await writeJson(store, keyOf(job), note);
}

/** Why the attempt before this one failed; null where it was the first of its lease, or said nothing. */
export async function failureBefore(store: ArtifactStore, job: TrainJob, attempt: number): Promise<string | null> {
  if (attempt === 1) return null;
  const found = await store.find(keyOf(job));
  if (found === null) return null;
  const note = await readJson(store, found, LastAttempt);
  return note.lease === job.lease && note.attempt === attempt - 1 ? note.why : null;
}
