import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { readDatalist } from '@voxhelm/imaging/datasets/read-datalist';

/**
 * SHA-256 over the names, sizes and times of a dataset's files: equal where nobody touched them, so that a look which finds
 * nothing costs no trainer. Throws `invalid-request` where the dataset is not there.
 */
export async function listingOf(datasetPath: string): Promise<string> {
  const { training, testing, unlabelled = [], labels } = await readDatalist(datasetPath);
  const hash = createHash('sha256').update(JSON.stringify(labels));
  for (const [role, cases] of Object.entries({ training, testing, unlabelled })) {
    for (const { caseId, images, label, fold, patient } of cases) {
      const files = [...images, ...(label === null ? [] : [label])];
      const seen = await Promise.all(files.map(stampOf));
      hash.update(JSON.stringify([role, caseId, fold, patient, files, seen]));
    }
  }
  return hash.digest('hex');
}

async function stampOf(path: string): Promise<readonly number[] | null> {
  const found = await stat(path).catch(() => null);
  return found && [found.size, found.mtimeMs];
}
