import { ChangedRole, LabelChangeKind, type LabelChangeView } from '@voxhelm/contracts/api-labels';
import type { Database, Transaction } from '@voxhelm/prisma/client';
import type { LabelChange } from '@voxhelm/prisma/generated/client';
import { newId } from '@voxhelm/prisma/ids';
import { fromJson } from '@voxhelm/prisma/json';
import { lockName } from './idempotency.ts';
import type { LabelFiles } from './label-files.ts';

/*
 * The audit log of a dataset's labels, and the change that each entry tells.
 */

/** A change of a case's label. */
export interface Change {
  readonly datasetId: string;
  readonly caseId: string;
  readonly role: ChangedRole;
  /** Where the label lies. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly note: string | null;
  /** By the hash of the label before. */
  readonly kind: (before: string | null) => LabelChangeKind;
}

/**
 * Keeps both versions, writes the log, then puts the new label in its place: a process that dies between leaves a log whose
 * newest entry tells what the label is to be, and the same request puts it there. Null where it was there already.
 */
export async function changeLabel(database: Database, files: LabelFiles, change: Change): Promise<LabelChange | null> {
  const { datasetId, caseId, path, kind, role, note } = change;
  const sha256 = await files.keep(caseId, change.bytes, path);
  const locked = <T>(work: (transaction: Transaction) => Promise<T>): Promise<T> =>
    database.$transaction(async (transaction) => {
      await lockName(transaction, `labels:${datasetId}`);
      return work(transaction);
    });
  const newest = (transaction: Transaction): Promise<LabelChange | null> =>
    transaction.labelChange.findFirst({ where: { datasetId, caseId, sha256: { not: null } }, orderBy: { id: 'desc' } });
  const written = await locked(async (transaction) => {
    const previousSha256 = await files.keepPresent(caseId, path);
    if (previousSha256 === sha256) return null;
    const last = await newest(transaction);
    // The log's entry is there since an attempt that did not come to the end.
    if (last?.sha256 === sha256 && last.previousSha256 === previousSha256) return last;
    const data = { datasetId, caseId, role, note, kind: kind(previousSha256), sha256, previousSha256, by: 'command' };
    return transaction.labelChange.create({ data: { id: newId('lab'), ...data } });
  });
  if (written === null) return null;
  // Of two that come at once the later entry's label stays, whoever is here last.
  await locked(async (transaction) => files.place(caseId, (await newest(transaction))?.sha256 ?? sha256, path));
  return written;
}

/** An entry of the log as the API tells it. */
export function labelChangeView(row: LabelChange): LabelChangeView {
  const { id, caseId, sha256, previousSha256, note, by } = row;
  return {
    ...{ id, caseId, sha256, previousSha256, note, by },
    kind: fromJson('LabelChange.kind', LabelChangeKind, row.kind),
    role: fromJson('LabelChange.role', ChangedRole, row.role),
    at: row.at.toISOString(),
  };
}
