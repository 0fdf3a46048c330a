import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { VoxhelmError } from '@voxhelm/contracts/errors';

/** The dataset's folder pairs: a sample dataset may hold a case as a test case that the reference has as training case. */
const TWINS: readonly (readonly [string, string])[] = [
  ['imagesTr/', 'imagesTs/'],
  ['labelsTr/', 'labelsTs/'],
];

/**
 * The file of a reference's relative path, in the data folder or in its training/test twin, or in `tests/parity/data`,
 * which holds what the samples lack. Throws `invalid-request` naming the path where it is nowhere.
 */
export function dataPath(dataFolder: string, relative: string): string {
  const spellings = [relative];
  for (const [training, test] of TWINS) {
    if (relative.includes(training)) spellings.push(relative.replace(training, test));
    if (relative.includes(test)) spellings.push(relative.replace(test, training));
  }
  for (const folder of [dataFolder, join(import.meta.dirname, 'data')]) {
    for (const spelling of spellings) {
      const path = join(folder, spelling);
      if (existsSync(path)) return path;
    }
  }
  throw new VoxhelmError('invalid-request', `the reference names ${relative}, which is not in ${dataFolder}`, {
    fix: 'Give the dataset with --data DIR.',
  });
}
