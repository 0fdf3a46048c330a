import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { VoxhelmError } from '@voxhelm/contracts/errors';

const EXTENSION = /\.nii(\.gz)?$/i;

/** A prediction and its truth, paired by name; paths of files. */
export interface Pair {
  readonly caseId: string;
  readonly prediction: string;
  readonly label: string;
}

/** How strictly the two folders must correspond. */
export interface PairingOptions {
  /** Leave out labels without a prediction (a few cases of a large folder) instead of refusing them. */
  readonly subset?: boolean;
}

// nnU-Net names the files of an image case_0000, its label case; a prediction may bear its image's name.
const CHANNEL_SUFFIX = /_\d{4}$/;

/** What two folders come to. */
export interface Pairing {
  readonly pairs: readonly Pair[];
  /** A file without a partner, or two of one name, each. */
  readonly faults: readonly VoxhelmError[];
}

/**
 * Pairs the NIfTI files of two folders by name without extension, in the order of names; a prediction that has no label
 * of its own name takes the one without nnU-Net's channel suffix. Throws `invalid-request` for a folder that cannot be
 * read or holds none.
 */
export async function pairFiles(
  predictionFolder: string,
  labelFolder: string,
  options: PairingOptions = {},
): Promise<Pairing> {
  const faults: VoxhelmError[] = [];
  const predictions = await niftiFilesById(predictionFolder, faults);
  const labels = await niftiFilesById(labelFolder, faults);
  const pairs = new Map<string, Pair>();
  for (const [name, prediction] of predictions) {
    const caseId = labels.has(name) ? name : name.replace(CHANNEL_SUFFIX, '');
    const label = labels.get(caseId);
    if (label === undefined) faults.push(unpaired(`${prediction} has no label in ${labelFolder}`, NO_LABEL));
    else if (pairs.has(caseId)) faults.push(unpaired(`${prediction} is a second prediction of ${label}`, NO_LABEL));
    else pairs.set(caseId, { caseId, prediction, label });
  }
  for (const [caseId, label] of labels) {
    if (pairs.has(caseId) || options.subset === true) continue;
    faults.push(unpaired(`${label} has no prediction in ${predictionFolder}`, NO_PREDICTION));
  }
  return { pairs: [...pairs.values()], faults };
}

const NO_LABEL = 'Give both folders the same file names, one prediction for each label.';
const NO_PREDICTION = 'Write a prediction of the same file name for each label, or leave the label out.';

function unpaired(message: string, fix: string): VoxhelmError {
  return new VoxhelmError('invalid-request', message, { fix });
}

/** Paths by name without extension; a second file of one name becomes a fault. */
async function niftiFilesById(folder: string, faults: VoxhelmError[]): Promise<Map<string, string>> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new VoxhelmError('invalid-request', `${folder} is no folder that can be read`, {
      fix: 'Give the path of a folder with .nii or .nii.gz files.',
      cause,
    });
  });
  const files = new Map<string, string>();
  for (const name of names.sort()) {
    // Names that begin with a dot are the file system's own (macOS leaves ._case.nii.gz beside each file).
    if (!EXTENSION.test(name) || name.startsWith('.')) continue;
    const caseId = name.replace(EXTENSION, '');
    const other = files.get(caseId);
    if (other === undefined) {
      files.set(caseId, join(folder, name));
      continue;
    }
    faults.push(
      new VoxhelmError('invalid-request', `${other} and ${join(folder, name)} are the same case`, {
        fix: 'Remove one of them.',
      }),
    );
  }
  if (files.size === 0) {
    throw new VoxhelmError('invalid-request', `${folder} holds no .nii or .nii.gz file`, {
      fix: 'Give the path of a folder with label maps.',
    });
  }
  return files;
}
