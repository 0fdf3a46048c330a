import type { Prisma, Transaction } from '@voxhelm/prisma/client';
import { endLostFirings } from '../firing-end.ts';
import type { Dependencies } from './dependencies.ts';
import type { FiringWithSchedule } from './firing-rows.ts';

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

/** Which firings are other retrainings of the same dataset. */
function othersOf({ firing, schedule }: FiringWithSchedule): Prisma.FiringWhereInput {
  return {
    id: { not: firing.id },
    state: { in: ['retraining', 'comparing'] },
    schedule: { datasetId: schedule.datasetId },
  };
}

/** The other firings of the dataset that retrain or compare; under the champion's lock there is one at most. */
export async function otherRetrainings(
  transaction: Transaction,
  found: FiringWithSchedule,
): Promise<OtherRetraining[]> {
  return transaction.firing.findMany({
    where: othersOf(found),
    orderBy: { id: 'asc' },
    select: { id: true, workflowKey: true, schedule: { select: { name: true } } },
  });
}

/** Ends the rows of retrainings whose workflow was ended from outside, without waiting for the API to do so: they stand in the way. */
export async function endLostRetrainings(
  { db, temporal, now }: Dependencies,
  found: FiringWithSchedule,
): Promise<void> {
  await endLostFirings(db, (workflowId) => temporal.isOpen(workflowId), othersOf(found), now);
}
