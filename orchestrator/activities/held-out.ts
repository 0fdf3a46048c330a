import type { CaseIdentity } from '@voxhelm/contracts/jobs';
import type { Transaction } from '@voxhelm/prisma/client';

/** A dataset's comparison cases, which no plan may know of and no model may learn from. */
export async function heldOutOf(transaction: Transaction, datasetId: string): Promise<CaseIdentity[]> {
  return transaction.comparisonCase.findMany({
    where: { datasetId },
    orderBy: { caseId: 'asc' },
    select: { caseId: true, sha256: true, voxelSha256: true, patient: true },
  });
}

/** The case itself and not others of its patient: these are held out with it, but not compared on. */
export function withoutPatient({ patient: _, ...one }: CaseIdentity): CaseIdentity {
  return one;
}
