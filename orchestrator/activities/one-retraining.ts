import type { Transaction } from '@voxhelm/prisma/client';
import { endFiring, LOST } from '../firing-end.ts';
import type { Dependencies } from './dependencies.ts';
import { changeFiring, type FiringWithSchedule, firingHasEnded } from './firing-rows.ts';

/*
 * One retraining of a dataset at a time: two at once would hold out what the other trains on, and compare with a champion that
 * the other replaces.
 */

/** Another firing of the same dataset that retrains or compares. */
export interface OtherRetraining {
  readonly id: string;
  readonly workflowKey: string;
  readonly schedule: { readonly name: string };
}

/** The other firings of the dataset that retrain or compare; under the champion's lock there is one at most. */
export async function otherRetrainings(
  transaction: Transaction,
  { firing, schedule }: FiringWithSchedule,
): Promise<OtherRetraining[]> {
  return transaction.firing.findMany({
    where: {
      id: { not: firing.id },
      state: { in: ['retraining', 'comparing'] },
      schedule: { datasetId: schedule.datasetId },
    },
    orderBy: { id: 'asc' },
    select: { id: true, workflowKey: true, schedule: { select: { name: true } } },
  });
}

/** Ends the rows of retrainings whose workflow was ended from outside, without waiting for the API to do so: they stand in the way. */
export async function endLostRetrainings(
  { db, temporal, now }: Dependencies,
  found: FiringWithSchedule,
): Promise<void> {
  for (const { id, workflowKey } of await otherRetrainings(db, found)) {
    if (await temporal.isOpen(workflowKey.slice(0, workflowKey.lastIndexOf('/')))) continue;
    await changeFiring(db, id, async (transaction, lost) => {
      if (!firingHasEnded(lost.firing)) await endFiring(transaction, lost, { ...LOST, at: now() });
    });
  }
}
