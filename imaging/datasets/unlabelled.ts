import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CaseRole, Datalist, DatalistCase } from '@voxhelm/contracts/dataset';
import { endingOf, isImageName, pathInside, stemOf } from './dataset-paths.ts';

/** The folder for images that nobody has labelled yet, beside the layouts' own folders. */
export const UNLABELLED_FOLDER = 'imagesUn';

/** Where every layout looks for the labels of cases that lay there. */
const LABEL_FOLDER = 'labelsTr';

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

/** A case of a datalist with its part in it; null where it has none of this id. */
export function findCase(
  { training, testing, unlabelled = [] }: Datalist,
  caseId: string,
): { readonly role: CaseRole; readonly found: DatalistCase } | null {
  for (const [role, cases] of Object.entries({ training, testing, unlabelled }) as [CaseRole, DatalistCase[]][]) {
    const found = cases.find((one) => one.caseId === caseId);
    if (found !== undefined) return { role, found };
  }
  return null;
}

/**
 * Where a case's label lies or is looked for; null where the datalist looks nowhere: a listed case whose entry names no
 * label, or an unlabelled one that shares its name with another case.
 */
export function labelPathOf(root: string, role: CaseRole, { caseId, images, label }: DatalistCase): string | null {
  if (role !== 'unlabelled') return label;
  const [first = ''] = images;
  if (!stemOf(first).startsWith(caseId)) return null;
  return pathInside(root, `${LABEL_FOLDER}/${caseId}${endingOf(first)}`, caseId);
}

/**
 * Where the files of a new case go, below the root: images into `imagesUn`, which every layout reads, and the label beside
 * the others. Null for several files where the training cases are not written as one file a channel.
 */
export function placesOfNewCase(
  { training }: Pick<Datalist, 'training'>,
  caseId: string,
  files: readonly string[],
): { readonly images: string[]; readonly label: string } | null {
  const byChannel = isByChannel(training);
  if (!byChannel && files.length > 1) return null;
  const suffix = (channel: number): string => (byChannel ? `_${String(channel).padStart(4, '0')}` : '');
  return {
    images: files.map((file, channel) => `${UNLABELLED_FOLDER}/${caseId}${suffix(channel)}${endingOf(file)}`),
    label: `${LABEL_FOLDER}/${caseId}${endingOf(files[0] ?? '')}`,
  };
}

/** True where the training cases are written as one file a channel: `<case>_0000`, ... */
function isByChannel(training: readonly DatalistCase[]): boolean {
  return training.some(
    ({ caseId, images: [first] }) =>
      first !== undefined && stemOf(first) !== caseId && stemOf(first).replace(CHANNEL, '') === caseId,
  );
}

/** Files by case: one file a channel (`_0000`, ...) where the training cases are written so. */
function casesOf(folder: string, training: readonly DatalistCase[]): [string, string[]][] {
  const byChannel = isByChannel(training);
  const cases = new Map<string, string[]>();
  for (const name of readdirSync(folder).filter(isImageName).sort()) {
    const caseId = byChannel ? stemOf(name).replace(CHANNEL, '') : stemOf(name);
    cases.set(caseId, [...(cases.get(caseId) ?? []), name]);
  }
  return [...cases];
}

function labelFiles(root: string): Map<string, string> {
  const folder = join(root, LABEL_FOLDER);
  if (!existsSync(folder)) return new Map();
  const names = readdirSync(folder).filter(isImageName);
  return new Map(names.map((name) => [stemOf(name), pathInside(root, `${LABEL_FOLDER}/${name}`, stemOf(name))]));
}
