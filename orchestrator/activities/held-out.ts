import type { HeldOutCase } from '@voxhelm/contracts/jobs';
import type { Transaction } from '@voxhelm/prisma/client';

/** A dataset's comparison cases, which no plan may know of and no model may learn from. */
export async function heldOutOf(transaction: Transaction, datasetId: string): Promise<HeldOutCase[]> {
  return transaction.comparisonCase.findMany({
    where: { datasetId },
    orderBy: { caseId: 'asc' },
    select: { caseId: true, sha256: true, voxelSha256: true, patient: true },
  });
}
