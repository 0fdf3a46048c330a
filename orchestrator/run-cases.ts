import { ArtifactRef } from '@voxhelm/contracts/artifact';
import { TrainingCase } from '@voxhelm/contracts/jobs';
import type { Transaction } from '@voxhelm/prisma/client';
import type { Run } from '@voxhelm/prisma/generated/client';
import { fromJson } from '@voxhelm/prisma/json';
import { type ArtifactStore, readJson } from '@voxhelm/storage/artifact-store';
import { z } from 'zod';

/** Where runs and their files are. */
export interface RunFiles {
  readonly db: Transaction;
  readonly store: ArtifactStore;
}

/** The run's cases with their folds. Rejects where planning has not written them yet. */
export async function readCases(
  { db, store }: RunFiles,
  run: Pick<Run, 'casesArtifact' | 'analysisId'>,
): Promise<TrainingCase[]> {
  const ref = fromJson('Run.casesArtifact', ArtifactRef, run.casesArtifact);
  const cases = await readJson(store, ref, z.array(TrainingCase));
  if (run.analysisId === null || cases.every(({ sha256 }) => sha256 !== undefined)) return cases;
  // Written before cases knew more than their name: its check knows what they were.
  const rows = await db.datasetCase.findMany({
    where: { analysisId: run.analysisId, valid: true },
    select: { caseId: true, sha256: true, voxelSha256: true, patient: true },
  });
  const checked = new Map(rows.map((row) => [row.caseId, row]));
  return cases.map((one) => ({ ...checked.get(one.caseId), ...one }));
}
