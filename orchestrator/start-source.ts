import { resolve } from 'node:path';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { ScheduleSettings } from '@voxhelm/contracts/schedule';
import type { Transaction } from '@voxhelm/prisma/client';

/*
 * What a request's `plan.startFrom` names: checked where it is submitted, fetched where its run is planned.
 */

const RUN = 'run:';
const ARTIFACT = 'artifact:';

/** What a request's `plan.startFrom` means. */
type Source =
  | { readonly kind: 'run'; readonly id: string }
  | { readonly kind: 'artifact'; readonly key: string }
  | { readonly kind: 'file'; readonly path: string };

/** Reads `run:ID`, `artifact:KEY` or a path. */
export function startSource(text: string): Source {
  if (text.startsWith(RUN)) return { kind: 'run', id: text.slice(RUN.length) };
  if (text.startsWith(ARTIFACT)) return { kind: 'artifact', key: text.slice(ARTIFACT.length) };
  return { kind: 'file', path: resolve(text) };
}

/** The bundle of a run; throws `invalid-request` where it made none. */
export async function bundleOf(db: Transaction, runId: string): Promise<{ uri: string }> {
  const row = await db.artifact.findFirst({ where: { runId, kind: 'ensemble-bundle' }, select: { uri: true } });
  if (row !== null) return row;
  throw new VoxhelmError('invalid-request', `run ${runId} has no bundle to start from`, {
    fix: 'Give plan.startFrom as run:ID of a completed run.',
    details: { field: 'plan.startFrom' },
  });
}

/** The refusal, in a schedule, of weights of which nobody knows whether they saw the dataset's comparison cases. */
export function untrustedStart(source: string): VoxhelmError {
  return new VoxhelmError(
    'invalid-request',
    `nobody knows whether the weights to start from (${source}) learnt from the comparison cases`,
    {
      fix: 'Start from run:ID, or say "trustStart": true (--trust-start) where you know that they saw none of this dataset.',
      details: {
        field: 'run.plan.startFrom',
        errors: [{ pointer: '/run/plan/startFrom', message: 'is of unknown origin' }],
      },
    },
  );
}

/** Refuses a schedule whose runs start from a file, unless it is to be trusted; runs and artifacts are looked at as they start. */
export function checkScheduleStart({ run, trustStart }: Pick<ScheduleSettings, 'run' | 'trustStart'>): void {
  const startFrom = run?.plan?.startFrom;
  if (startFrom === undefined || trustStart || startSource(startFrom).kind !== 'file') return;
  throw untrustedStart(startFrom);
}
