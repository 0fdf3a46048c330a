import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Datalist, DatalistCase } from '@voxhelm/contracts/dataset';
import { isImageName, pathInside, stemOf } from './dataset-paths.ts';

/** The folder for images that nobody has labelled yet, beside the layouts' own folders. */
export const UNLABELLED_FOLDER = 'imagesUn';

const CHANNEL = /_\d{4}$/;

/**
 * Adds the images of `imagesUn`, whatever the layout. Where `labelsTr` has a label of the same name, the case has been
 * labelled since and is a training case; others are unlabelled cases. Images that the datalist names itself are left alone.
 */
export function withUnlabelled(datalist: Datalist): Datalist {
  const folder = join(datalist.root, UNLABELLED_FOLDER);
  if (!existsSync(folder)) return datalist;
  const known = new Set([...datalist.training, ...datalist.testing].flatMap(({ images }) => images));
  const taken = new Set([...datalist.training, ...datalist.testing].map(({ caseId }) => caseId));
  const labels = labelFiles(datalist.root);
  // Layouts without a list take a label without an image for a case whose image is missing: here it is.
  const imageless = new Map(
    datalist.training.filter(({ images }) => !images.some((path) => existsSync(path))).map((one) => [one.caseId, one]),
  );
  const training: DatalistCase[] = [];
  const unlabelled: DatalistCase[] = [];
  for (const [caseId, names] of casesOf(folder, datalist.training)) {
    const images = names.map((name) => pathInside(datalist.root, `${UNLABELLED_FOLDER}/${name}`, caseId));
    if (images.some((image) => known.has(image))) continue;
    const label = labels.get(caseId);
    const found = imageless.get(caseId);
    if (found !== undefined) training.push({ ...found, images });
    else if (label !== undefined && !taken.has(caseId)) training.push({ caseId, images, label });
    // A name that another case has is set apart by its folder, as test cases are.
    else
      unlabelled.push({ caseId: taken.has(caseId) ? `${UNLABELLED_FOLDER}_${caseId}` : caseId, images, label: null });
  }
  const completed = new Set(training.map(({ caseId }) => caseId));
  const others = datalist.training.filter((one) => !(imageless.has(one.caseId) && completed.has(one.caseId)));
  return { ...datalist, training: [...others, ...training], unlabelled };
}

/** Files by case: one file a channel (`_0000`, ...) where the training cases are written so. */
function casesOf(folder: string, training: readonly DatalistCase[]): [string, string[]][] {
  const byChannel = training.some(
    ({ caseId, images: [first] }) =>
      first !== undefined && stemOf(first) !== caseId && stemOf(first).replace(CHANNEL, '') === caseId,
  );
  const cases = new Map<string, string[]>();
  for (const name of readdirSync(folder).filter(isImageName).sort()) {
    const caseId = byChannel ? stemOf(name).replace(CHANNEL, '') : stemOf(name);
    cases.set(caseId, [...(cases.get(caseId) ?? []), name]);
  }
  return [...cases];
}

function labelFiles(root: string): Map<string, string> {
  const folder = join(root, 'labelsTr');
  if (!existsSync(folder)) return new Map();
  const names = readdirSync(folder).filter(isImageName);
  return new Map(names.map((name) => [stemOf(name), pathInside(root, `labelsTr/${name}`, stemOf(name))]));
}
