import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DatalistCase } from '@voxhelm/contracts/dataset';
import { isImageName, stemOf } from './dataset-paths.ts';
import { readDatalist } from './read-datalist.ts';
import { UNLABELLED_FOLDER } from './unlabelled.ts';

/** What a folder offers to another dataset. */
export interface CasesToAdd {
  /** `label` is null where its file is not there: the case waits for one. */
  readonly cases: readonly DatalistCase[];
  /** Test cases, which are left out: what a model is tested on is not added to. */
  readonly testing: readonly DatalistCase[];
}

const CHANNEL = /_\d{4}$/;

/**
 * Reads the cases of a folder that are to go into a dataset: a dataset of any layout, or images alone (in the folder itself or
 * its `imagesUn`), several channels as `<case>_0000`, `<case>_0001`. Throws `invalid-request` where it
 * holds none of these.
 */
export async function casesToAdd(folder: string): Promise<CasesToAdd> {
  const root = resolve(folder);
  const alone = imagesIn(root) ?? (isDataset(root) ? null : imagesIn(join(root, UNLABELLED_FOLDER)));
  if (alone !== null) return { cases: alone, testing: [] };
  const { training, testing, unlabelled = [] } = await readDatalist(root);
  const labelled = training.map((one) => ({
    ...one,
    label: one.label !== null && existsSync(one.label) ? one.label : null,
  }));
  return { cases: [...labelled, ...unlabelled], testing };
}

/** True where something says what the folder's cases are. */
function isDataset(root: string): boolean {
  return ['imagesTr', 'dataset.json'].some((name) => existsSync(join(root, name)));
}

/** Images that lie in a folder, by case; null where none does. */
function imagesIn(folder: string): DatalistCase[] | null {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return null;
  const names = readdirSync(folder).filter(isImageName).sort();
  const stems = new Set(names.map(stemOf));
  const cases = new Map<string, string[]>();
  for (const name of names) {
    const bare = stemOf(name).replace(CHANNEL, '');
    const caseId = stems.has(`${bare}_0000`) ? bare : stemOf(name);
    cases.set(caseId, [...(cases.get(caseId) ?? []), join(folder, name)]);
  }
  if (cases.size === 0) return null;
  return [...cases].map(([caseId, images]) => ({ caseId, images, label: null }));
}
