import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HISTORIES } from './history-file.ts';
import { type Orchestra, startOrchestra } from './orchestra.ts';

/** Ways through the workflows, each by the first history that recording it leaves. */
export type Ways = Readonly<Record<string, (orchestra: Orchestra) => Promise<void>>>;

/**
 * Records the ways of which {@link HISTORIES} has nothing. Histories are kept for as long as runs of that version may be alive: when
 * a replay fails, the change to the workflow needs Temporal's `patched()`, or to be told by an activity's answer, not a new recording.
 */
export async function recordMissing(ways: Ways): Promise<void> {
  const missing = Object.entries(ways).filter(([name]) => !existsSync(join(HISTORIES, `${name}.json`)));
  if (missing.length === 0) return;
  const orchestra = await startOrchestra();
  try {
    for (const [, record] of missing) await record(orchestra);
  } finally {
    await orchestra.close();
  }
}
