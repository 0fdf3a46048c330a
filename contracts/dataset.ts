import { z } from 'zod';
import { Sha256 } from './artifact.ts';
import { VoxhelmError } from './errors.ts';

/** The four ways in which a dataset may lie on disk. */
export const DatasetLayout = z.enum(['decathlon', 'nnunet', 'auto3dseg', 'folder']);
export type DatasetLayout = z.infer<typeof DatasetLayout>;

/** Decides the intensity normalisation. One per channel. */
export const Modality = z.enum(['CT', 'MRI', 'PET', 'other']);
export type Modality = z.infer<typeof Modality>;

/** What to tell of a list of modalities, one a channel, that a dataset's images have another number of channels than (`found`). */
export function wrongChannels(named: readonly Modality[], found: number | string): { message: string; fix: string } {
  return {
    message: `names ${named.length} channels (${named.join(', ')}), the dataset's images have ${found}`,
    fix: 'Name one modality for all channels, or one for each.',
  };
}

/** A class that may be segmented; `value` is the voxel value in the label files. Background is value 0. */
export const LabelDefinition = z.object({ value: z.number().int().nonnegative(), name: z.string().min(1) });
export type LabelDefinition = z.infer<typeof LabelDefinition>;

/** Labels by value with the background first, whether it is among them or not. */
export function withBackground(labels: readonly LabelDefinition[]): LabelDefinition[] {
  const classes = labels.filter(({ value }) => value !== 0).sort((a, b) => a.value - b.value);
  return [labels.find(({ value }) => value === 0) ?? { value: 0, name: 'background' }, ...classes];
}

/** Labels written as {"0": "background"} (Decathlon, and requests) or {"background": 0} (nnU-Net), sorted by value. */
export function labelsOf(labels: Readonly<Record<string, string | number>>): LabelDefinition[] {
  const definitions = Object.entries(labels).map(([key, value]) => {
    const [number, name] = typeof value === 'number' ? [value, key] : [Number(key), value];
    if (!Number.isInteger(number) || number < 0) {
      throw new VoxhelmError('invalid-request', `labels: "${key}": ${JSON.stringify(value)} names no label value`, {
        fix: 'Write each label as "value": "name", with a whole value from 0.',
      });
    }
    return { value: number, name: name === '' ? `label ${number}` : name };
  });
  return definitions.sort((a, b) => a.value - b.value);
}

/** Labels that a network tells apart together: a sigmoid of its own. A label map is written group by group, later over earlier. */
export const LabelGroup = z.object({
  name: z.string().min(1),
  /** The label values that belong to it. */
  values: z.array(z.number().int().positive()).min(1),
  /** The value that is written where it is found: the only one of its own that no later group has. */
  writes: z.number().int().positive(),
});
export type LabelGroup = z.infer<typeof LabelGroup>;

/** One case of a {@link Datalist}: paths are absolute. */
export const DatalistCase = z.object({
  /** Unique in the dataset; the image's file name without extension and channel suffix. */
  caseId: z.string().min(1),
  /** One file for a 3-D or 4-D image, or one file per channel. */
  images: z.array(z.string().min(1)).min(1),
  /** null for a test case without ground truth. */
  label: z.string().min(1).nullable(),
  /** Given fold, where the datalist names one. */
  fold: z.number().int().nonnegative().optional(),
  /** All cases of one patient share a fold, where the datalist names patients. */
  patient: z.string().min(1).optional(),
});
export type DatalistCase = z.infer<typeof DatalistCase>;

/** What the dataset check can find. */
export const FindingCode = z.enum([
  'unreadable', // not NIfTI, truncated, damaged gzip
  'missing-file',
  'missing-label',
  'shape-mismatch', // image and label, or channels among themselves
  'affine-mismatch',
  'label-outside-set',
  'label-not-whole',
  'label-empty', // no foreground voxel at all
  'not-finite', // NaN or infinity
  'constant-image', // empty or constant
  'duplicate-case', // same id, same file, or same content
  'channel-count', // another number of channels than the rest of the dataset
  'suspicious-affine', // sform and qform disagree, or a singular affine
  'split-conflict', // given splits that contradict themselves or name a case that is not there
  'torn-patient', // cases of one patient in several folds, or in training and in testing
  'modality-unknown', // of the whole dataset: nothing says how its intensities are to be normalised
]);
export type FindingCode = z.infer<typeof FindingCode>;

/** One fault of one case. An `error` refuses the case; a `warning` is only told. */
export const Finding = z
  .object({
    /** Empty where the finding is of the whole dataset. */
    case: z.string(),
    file: z.string(),
    code: FindingCode,
    severity: z.enum(['error', 'warning']),
    /** What was found, with the values seen and expected. */
    message: z.string(),
    /** What to do about it. */
    fix: z.string(),
  })
  .meta({ id: 'Finding' });
export type Finding = z.infer<typeof Finding>;

/** A dataset of any {@link DatasetLayout}, in one form. No voxel has been read yet. */
export const Datalist = z.object({
  schemaVersion: z.literal(1),
  name: z.string().min(1),
  root: z.string().min(1),
  layout: DatasetLayout,
  /** One per channel; a single one holds for all channels, however many there are; empty where none could be found. */
  modalities: z.array(Modality),
  /** As many as there are modalities. */
  channelNames: z.array(z.string()),
  /** Including background; empty where the layout declares none (then the values found are the labels). */
  labels: z.array(LabelDefinition),
  /** Where labels are parts of one another; absent: they exclude each other. */
  labelGroups: z.array(LabelGroup).min(2).optional(),
  /** The value of voxels that nobody labelled (nnU-Net's "ignore"): neither trained on nor scored. */
  ignoreLabel: z.number().int().positive().optional(),
  training: z.array(DatalistCase),
  /** Scored once, at the end; never trained on. */
  testing: z.array(DatalistCase),
  /** Images that nobody has labelled yet (imagesUn): no fault, and no part of training. */
  unlabelled: z.array(DatalistCase).optional(),
  /** Ready-made splits (nnU-Net splits_final.json): case ids of the validation set of each fold. */
  validationSplits: z.array(z.array(z.string())).optional(),
  /** Faults of the lists and splits themselves, seen while they were read; the check adds what the files show. */
  findings: z.array(Finding).optional(),
  licence: z.string().optional(),
});
export type Datalist = z.infer<typeof Datalist>;

/** The labels that a dataset's list declares, background first; null where it declares none. */
export function declaredLabels({ labels }: Pick<Datalist, 'labels'>): LabelDefinition[] | null {
  return labels.length === 0 ? null : withBackground(labels);
}

/** A case's part in its dataset. Unlabelled ones wait for a label. */
export const CaseRole = z.enum(['training', 'testing', 'unlabelled']);
export type CaseRole = z.infer<typeof CaseRole>;

/** A case as the check saw it. */
export const CheckedCase = z.object({
  caseId: z.string(),
  role: CaseRole,
  images: z.array(z.string()),
  label: z.string().nullable(),
  fold: z.number().int().nonnegative().optional(),
  patient: z.string().optional(),
  /** False where a finding of severity `error` names it. */
  valid: z.boolean(),
  /** Of all bytes of its files in order; null where they could not be read. */
  sha256: Sha256.nullable(),
  /** Of the image's decoded values: equal for a copy under another name, with another label or stored in another way. */
  voxelSha256: Sha256.nullish(),
  channels: z.number().int().nullish(),
  /** Voxels along each axis of the file, [x, y, z]; null where unreadable. */
  shape: z.tuple([z.number(), z.number(), z.number()]).nullable(),
  spacingMm: z.tuple([z.number(), z.number(), z.number()]).nullable(),
});
export type CheckedCase = z.infer<typeof CheckedCase>;

/** The dataset check's whole answer: all findings at once. */
export const DatasetCheck = z
  .object({
    schemaVersion: z.literal(1),
    datalist: Datalist,
    cases: z.array(CheckedCase),
    findings: z.array(Finding),
    /** SHA-256 over the sorted (caseId, role, sha256) of valid labelled cases: names the data, wherever it lies. */
    fingerprint: Sha256,
  })
  .meta({ id: 'DatasetCheck' });
export type DatasetCheck = z.infer<typeof DatasetCheck>;
