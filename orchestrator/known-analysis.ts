import { ArtifactRef } from '@voxhelm/contracts/artifact';
import { DatasetCheck } from '@voxhelm/contracts/dataset';
import type { AnalyzeJob } from '@voxhelm/contracts/jobs';
import { RunRequest } from '@voxhelm/contracts/run';
import type { Transaction } from '@voxhelm/prisma/client';
import type { Analysis } from '@voxhelm/prisma/generated/client';
import { fromJson } from '@voxhelm/prisma/json';
import { readJson } from '@voxhelm/storage/artifact-store';
import type { Dependencies } from './activities/dependencies.ts';

/*
 * Which earlier check of a dataset a look may go by or take over from. A run that was submitted with labels or a modality of
 * its own read the same files as something else, and says nothing of the dataset as it was registered.
 */

/** Checks that are looked through; runs with a reading of their own come singly. */
const LOOKED_THROUGH = 50;

/** The newest check with statistics of a dataset as it was registered; null where there is none. */
export async function registeredAnalysis(db: Transaction, datasetId: string): Promise<Analysis | null> {
  const rows = await db.analysis.findMany({
    where: { datasetId },
    orderBy: { id: 'desc' },
    take: LOOKED_THROUGH,
    include: { runs: { select: { id: true, request: true } } },
  });
  for (const { runs, ...row } of rows) {
    if (row.analysis === null) continue;
    if (!row.owner.startsWith('run-')) return row;
    // The check of a run that was deleted tells no more how it was read.
    const own = runs.find(({ id }) => row.owner === `run-${id}`);
    if (own === undefined) continue;
    const { labels, modality } = fromJson('Run.request', RunRequest, own.request);
    if (labels === undefined && modality === undefined) return row;
  }
  return null;
}

/** A check's files, for the next one to take over what has not changed. */
export function knownOf({ check, analysis }: Pick<Analysis, 'check' | 'analysis'>): AnalyzeJob['known'] {
  if (analysis === null) return null;
  return {
    check: fromJson('Analysis.check', ArtifactRef, check),
    analysis: fromJson('Analysis.analysis', ArtifactRef, analysis),
  };
}

/** An analysis's check, with its cases. */
export function readCheckOf(
  { store }: Pick<Dependencies, 'store'>,
  row: Pick<Analysis, 'check'>,
): Promise<DatasetCheck> {
  return readJson(store, fromJson('Analysis.check', ArtifactRef, row.check), DatasetCheck);
}
