import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { StartFrom } from '@voxhelm/contracts/plan';
import type { RunRequest } from '@voxhelm/contracts/run';
import type { Run } from '@voxhelm/prisma/generated/client';
import { comparisonCasesIn, writeLearntBeforeStart } from '../learnt-cases.ts';
import { bundleOf, startSource, untrustedStart } from '../start-source.ts';
import type { Dependencies } from './dependencies.ts';
import { readFiring } from './firing-rows.ts';
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

/**
 * Writes down what the weights that a run starts from have learnt, and refuses those named by its request that learnt from a
 * comparison case of its dataset: no model that goes on from them could be compared. In a schedule's run also weights of which nobody knows it,
 * unless the schedule says that they are to be trusted.
 */
export async function refuseLeakedStart(dependencies: Dependencies, run: Run): Promise<void> {
  const { db } = dependencies;
  const start = await importStart(dependencies, run);
  const learnt = await writeLearntBeforeStart(dependencies, run, start?.weights.sha256 ?? null);
  if (start === null) return;
  const leaked = await comparisonCasesIn(db, run.datasetId, learnt);
  if (leaked.length > 0) {
    throw new VoxhelmError(
      'conflict',
      `the weights to start from (${start.source}) learnt from ${leaked.length} of the dataset's comparison cases (${leaked.slice(0, 3).join(', ')})`,
      {
        fix: 'Start from the champion, from a run that began after they were held out, or from nothing.',
        details: { field: 'plan.startFrom', cases: leaked.slice(0, 20) },
      },
    );
  }
  const [unknown] = learnt.unknown;
  if (unknown === undefined || run.firingId === null) return;
  const { settings } = await readFiring(db, run.firingId);
  if (!settings.trustStart) throw untrustedStart(unknown);
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
