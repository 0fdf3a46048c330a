import { type Datalist, type DatalistCase, labelsOf } from '@voxhelm/contracts/dataset';
import { z } from 'zod';
import { caseIds, pathInside } from './dataset-paths.ts';
import { modalityOf } from './modality.ts';

const Images = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

/** An entry of `training`, `test` or `testing`, as Decathlon and Auto3DSeg write it; a bare string is an image. */
export const DatalistItem = z.preprocess(
  (value) => (typeof value === 'string' ? { image: value } : value),
  z.object({
    image: Images,
    label: z.string().optional(),
    fold: z.number().int().nonnegative().optional(),
    patient: z.union([z.string(), z.number()]).optional(),
  }),
);
export type DatalistItem = z.infer<typeof DatalistItem>;

/** The fields of a Medical Segmentation Decathlon dataset.json that are used; all others are left alone. */
export const DecathlonFile = z.object({
  name: z.string().min(1).optional(),
  licence: z.string().optional(),
  license: z.string().optional(),
  modality: z.union([z.record(z.string(), z.string()), z.string(), z.array(z.string())]).optional(),
  labels: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  training: z.array(DatalistItem),
  test: z.array(DatalistItem).default([]),
  testing: z.array(DatalistItem).default([]),
});

/** Turns a parsed Decathlon dataset.json that lies in `root` into a datalist. */
export function decathlonDatalist(file: z.infer<typeof DecathlonFile>, root: string, fallbackName: string): Datalist {
  const channelNames = channelNamesOf(file.modality);
  const licence = file.licence ?? file.license;
  const cases = casesOfLists({ training: file.training, test: [...file.test, ...file.testing] }, root);
  return {
    schemaVersion: 1,
    name: file.name ?? fallbackName,
    root,
    layout: 'decathlon',
    modalities: channelNames.map(modalityOf),
    channelNames,
    labels: labelsOf(file.labels ?? {}),
    training: cases.training,
    testing: cases.test,
    ...(licence === undefined ? {} : { licence }),
  };
}

/**
 * Cases of a datalist's lists, whose names stand in messages. Ids are made over all lists together, so that
 * `train/7/image.nii.gz` and `test/8/image.nii.gz` are two cases, and an entry that stands in two lists is one.
 */
export function casesOfLists<List extends string>(
  lists: Readonly<Record<List, readonly DatalistItem[]>>,
  root: string,
): Record<List, DatalistCase[]> {
  const names = Object.keys(lists) as List[];
  const entries = names.flatMap((list) =>
    lists[list].map((item, index) => ({ list, item, where: `${list}[${index}]`, images: [item.image].flat() })),
  );
  const images = entries.map(({ where, images: given }) =>
    given.map((path) => pathInside(root, path, `${where}.image`)),
  );
  const ids = caseIds(
    root,
    images.map((paths) => paths[0] ?? ''),
  );
  const cases = Object.fromEntries(names.map((list) => [list, [] as DatalistCase[]])) as Record<List, DatalistCase[]>;
  for (const [index, { list, item, where }] of entries.entries()) {
    cases[list].push({
      caseId: ids[index] ?? '',
      images: images[index] ?? [],
      label: item.label === undefined || item.label === '' ? null : pathInside(root, item.label, `${where}.label`),
      ...(item.fold === undefined ? {} : { fold: item.fold }),
      ...(item.patient === undefined ? {} : { patient: String(item.patient) }),
    });
  }
  return cases;
}

function channelNamesOf(modality: z.infer<typeof DecathlonFile>['modality']): string[] {
  if (modality === undefined) return [];
  if (typeof modality === 'string') return [modality];
  if (Array.isArray(modality)) return modality;
  return Object.entries(modality)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, name]) => name);
}
