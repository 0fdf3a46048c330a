import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { StartFrom } from '@voxhelm/contracts/plan';
import type { RunRequest } from '@voxhelm/contracts/run';
import type { Run } from '@voxhelm/prisma/generated/client';
import { bundleOf, startSource } from '../start-source.ts';
import type { Dependencies } from './dependencies.ts';
import { requestOf } from './run-rows.ts';

/*
 * Warm starts: the weights that a request names by `plan.startFrom`, brought into the artifact store, where every trainer
 * reaches them and nothing that happens to the original moves them.
 */

/** The weights that the run's plans start from, in the store under the run's own folder; null where it names none. */
export async function importStart({ db, store }: Dependencies, run: Run): Promise<StartFrom | null> {
  const request: RunRequest = requestOf(run);
  const text = request.plan?.startFrom;
  if (text === undefined) return null;
  const key = `runs/${run.id}/start-from`;
  const weights = (await store.find(key)) ?? (await store.writeFile(key, await pathOf({ db, store }, text)));
  // Who names no algorithms asks for whatever fits.
  return { source: text, weights, required: request.algorithms !== undefined };
}

async function pathOf({ db, store }: Pick<Dependencies, 'db' | 'store'>, text: string): Promise<string> {
  const source = startSource(text);
  if (source.kind === 'file') return source.path;
  const { uri } = source.kind === 'run' ? await bundleOf(db, source.id) : { uri: source.key };
  const ref = await store.find(uri);
  if (ref !== null) return store.localPath(ref);
  throw new VoxhelmError('invalid-request', `there is no artifact "${uri}" to start from`, {
    fix: 'Give plan.startFrom as a path on the server, run:ID or artifact:KEY.',
    details: { field: 'plan.startFrom' },
  });
}
