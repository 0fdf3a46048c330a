import { z } from 'zod';
import { type ArtifactStore, readJson, writeJson } from './artifact-store.ts';

/**
 * Why an attempt of a trial or a probe ended, beside what it leaves: the next attempt tells it, and so does whoever waited for a probe
 * in vain. Temporal gives an attempt the number of those before it and not their reasons, and a workflow whose activity ran out of
 * time not even that; a trainer that was lost wrote nothing, and that is told as well.
 */
const LastAttempt = z.object({
  schemaVersion: z.literal(1),
  lease: z.number().int(),
  attempt: z.number().int(),
  why: z.string(),
});

/** More of a library's message than this is for the log. */
const LONGEST = 240;

/** Attempts of one job: where it leaves what it makes, and which hand-over of a trial to a trainer it is (0: it is no trial's). */
export interface Attempted {
  readonly artifactPrefix: string;
  readonly lease: number;
}

function keyOf(artifactPrefix: string): string {
  return `${artifactPrefix}/last-attempt.json`;
}

/** Writes why this attempt failed. `message`: an error's; its first line is kept. */
export async function noteFailure(
  store: ArtifactStore,
  { artifactPrefix, lease }: Attempted,
  attempt: number,
  message: string,
): Promise<void> {
  const [line = ''] = message.split('\n');
  const why = line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
  const note: z.infer<typeof LastAttempt> = { schemaVersion: 1, lease, attempt, why };
  await writeJson(store, keyOf(artifactPrefix), note);
}

/** Why the attempt before this one failed; null where it was the first of its lease, or said nothing. */
export async function failureBefore(store: ArtifactStore, job: Attempted, attempt: number): Promise<string | null> {
  const note = attempt === 1 ? null : await readNote(store, job.artifactPrefix);
  return note !== null && note.lease === job.lease && note.attempt === attempt - 1 ? note.why : null;
}

/** Why the last attempt that said so failed, whichever it was; null where none did. */
export async function lastFailure(store: ArtifactStore, artifactPrefix: string): Promise<string | null> {
  return (await readNote(store, artifactPrefix))?.why ?? null;
}

async function readNote(store: ArtifactStore, artifactPrefix: string): Promise<z.infer<typeof LastAttempt> | null> {
  const found = await store.find(keyOf(artifactPrefix));
  return found === null ? null : readJson(store, found, LastAttempt);
}
