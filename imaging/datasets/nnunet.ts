import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Datalist, DatalistCase, LabelDefinition, LabelGroup } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { z } from 'zod';
import { apartFromTraining, pathInside } from './dataset-paths.ts';
import { writtenGroups } from './label-groups.ts';
import { modalityOf } from './modality.ts';
import { readSplits } from './nnunet-splits.ts';

/** The fields of an nnU-Net v2 dataset.json that are used. */
export const NnunetFile = z.object({
  name: z.string().min(1).optional(),
  licence: z.string().optional(),
  license: z.string().optional(),
  channel_names: z.record(z.string(), z.string()),
  labels: z.record(
    z.string(),
    z.union([z.number().int().nonnegative(), z.array(z.number().int().nonnegative()).min(1)]),
  ),
  file_ending: z.string().min(1),
  /** Where the files lie elsewhere than in imagesTr and labelsTr. */
  dataset: z.record(z.string(), z.object({ images: z.array(z.string()).min(1), label: z.string() })).optional(),
});

/** Turns an nnU-Net v2 raw folder into a datalist: imagesTr/<case>_0000.nii.gz, one file a channel. */
export function nnunetDatalist(file: z.infer<typeof NnunetFile>, root: string): Datalist {
  checkEnding(file.file_ending);
  const channelNames = Object.entries(file.channel_names)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, name]) => name);
  const folder = { root, ending: file.file_ending, channels: channelNames.length };
  const training = file.dataset === undefined ? casesOfFolder(folder, 'Tr') : casesOfList(file.dataset, root);
  const splits = readSplits(root, new Set(training.map((one) => one.caseId)));
  const licence = file.licence ?? file.license;
  return {
    schemaVersion: 1,
    name: file.name ?? basename(root),
    root,
    layout: 'nnunet',
    modalities: channelNames.map(modalityOf),
    channelNames,
    labels: named(nnunetLabels(file.labels), groupsOf(file.labels).labelGroups),
    ...groupsOf(file.labels),
    ...ignoreLabelOf(file.labels),
    training,
    testing: apartFromTraining(root, training, casesOfFolder(folder, 'Ts')),
    ...splits,
    ...(licence === undefined ? {} : { licence }),
  };
}

function checkEnding(ending: string): void {
  if (ending === '.nii.gz' || ending === '.nii') return;
  throw new VoxhelmError('invalid-request', `file_ending: images of type ${ending} are not read`, {
    fix: 'Convert the images to .nii.gz and set file_ending.',
    details: { field: 'file_ending' },
  });
}

interface Folder {
  readonly root: string;
  readonly ending: string;
  readonly channels: number;
}

/** Cases of imagesTr or imagesTs; a label without an image is a case too, so that the check can tell. */
function casesOfFolder({ root, ending, channels }: Folder, suffix: 'Tr' | 'Ts'): DatalistCase[] {
  const images = listFolder(join(root, `images${suffix}`), ending);
  const labels = new Set(listFolder(join(root, `labels${suffix}`), ending));
  const ids = new Set<string>(labels);
  for (const stem of images) ids.add(stem.replace(/_\d{4}$/, ''));
  if (images.length === 0 && suffix === 'Tr') {
    throw new VoxhelmError('invalid-request', `${join(root, 'imagesTr')} holds no file that ends in ${ending}`, {
      fix: 'Put the images there as <case>_0000.nii.gz, one file a channel.',
    });
  }
  const files = new Set(images);
  const filesOfCase = new Map<string, number>();
  for (const stem of images) {
    const caseId = stem.replace(/_\d{4}$/, '');
    filesOfCase.set(caseId, (filesOfCase.get(caseId) ?? 0) + 1);
  }
  return [...ids].sort(byName).map((caseId) => {
    // A channel that is missing is named all the same: the check reports the missing file.
    const names = Array.from({ length: Math.max(channels, filesOfCase.get(caseId) ?? 0) }, (_, channel) => {
      const name = `${caseId}_${String(channel).padStart(4, '0')}`;
      return files.has(name) || !files.has(caseId) ? name : caseId;
    });
    const label = pathInside(root, `labels${suffix}/${caseId}${ending}`, caseId);
    return {
      caseId,
      images: [...new Set(names)].map((name) => pathInside(root, `images${suffix}/${name}${ending}`, caseId)),
      label: suffix === 'Ts' && !labels.has(caseId) ? null : label,
    };
  });
}

function casesOfList(dataset: NonNullable<z.infer<typeof NnunetFile>['dataset']>, root: string): DatalistCase[] {
  return Object.entries(dataset).map(([caseId, { images, label }]) => ({
    caseId,
    images: images.map((path) => pathInside(root, path, `dataset.${caseId}.images`)),
    label: pathInside(root, label, `dataset.${caseId}.label`),
  }));
}

/** File names without their ending; hidden files are left out. */
function listFolder(folder: string, ending: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(ending) && !name.startsWith('.'))
    .map((name) => name.slice(0, -ending.length))
    .sort(byName);
}

function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The regions, where the values in them can be told apart by them; in the file's order, as nnU-Net writes them. */
function groupsOf(labels: z.infer<typeof NnunetFile>['labels']): { labelGroups?: LabelGroup[] } {
  const groups = Object.entries(labels)
    .filter(([name]) => name !== IGNORE)
    .map(([name, value]) => ({ name, values: [value].flat().filter((one) => one !== 0) }))
    .filter(({ values }) => values.length > 0);
  const written = writtenGroups(groups, true);
  return written === null ? {} : { labelGroups: written };
}

/** Labels by the names of the groups that write them. */
function named(labels: LabelDefinition[], groups: readonly LabelGroup[] = []): LabelDefinition[] {
  return labels.map(({ value, name }) => ({
    value,
    name: groups.find(({ writes }) => writes === value)?.name ?? name,
  }));
}

/** nnU-Net's name for the value of voxels that nobody labelled. */
const IGNORE = 'ignore';

/** Throws `invalid-request` where the ignore label is not one value above all others, as nnU-Net wants it. */
function ignoreLabelOf(labels: z.infer<typeof NnunetFile>['labels']): { ignoreLabel?: number } {
  const { [IGNORE]: ignored, ...classes } = labels;
  if (ignored === undefined) return {};
  const largest = Math.max(...Object.values(classes).flat());
  if (typeof ignored === 'number' && ignored > largest) return { ignoreLabel: ignored };
  throw new VoxhelmError(
    'invalid-request',
    `labels: "ignore" is ${JSON.stringify(ignored)}; other labels go up to ${largest}`,
    {
      fix: 'Make it one value above all others.',
      details: { field: 'labels.ignore' },
    },
  );
}

/** Regions (lists of values) are reduced to the values in them, for the label maps hold values. */
function nnunetLabels(labels: z.infer<typeof NnunetFile>['labels']): LabelDefinition[] {
  const { [IGNORE]: _, ...classes } = labels;
  const names = new Map<number, string>();
  for (const [name, value] of Object.entries(classes)) if (typeof value === 'number') names.set(value, name);
  for (const [name, value] of Object.entries(classes)) {
    for (const one of [value].flat())
      if (!names.has(one)) names.set(one, [value].flat().length === 1 ? name : `label ${one}`);
  }
  if (!names.has(0)) names.set(0, 'background');
  return [...names]
    .map(([value, name]) => ({ value, name: name === '' ? `label ${value}` : name }))
    .sort((a, b) => a.value - b.value);
}
