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

/**
 * Pairs the NIfTI files of two folders by name without extension, in the order of names; a prediction that has no label
 * of its own name takes the one without nnU-Net's channel suffix. Throws `invalid-request` that lists every file without
 * a partner.
 */
export async function pairFiles(
  predictionFolder: string,
  labelFolder: string,
  options: PairingOptions = {},
): Promise<Pair[]> {
  const predictions = await niftiFilesById(predictionFolder);
  const labels = await niftiFilesById(labelFolder);
  const pairs = new Map<string, Pair>();
  const unpaired: string[] = [];
  for (const [name, prediction] of predictions) {
    const caseId = labels.has(name) ? name : name.replace(CHANNEL_SUFFIX, '');
    const label = labels.get(caseId);
    if (label === undefined) unpaired.push(`${prediction} has no label in ${labelFolder}`);
    else if (pairs.has(caseId)) unpaired.push(`${prediction} is a second prediction of ${label}`);
    else pairs.set(caseId, { caseId, prediction, label });
  }
  for (const [caseId, label] of labels) {
    if (!pairs.has(caseId) && options.subset !== true) {
      unpaired.push(`${label} has no prediction in ${predictionFolder}`);
    }
  }
  if (unpaired.length > 0) {
    throw new VoxhelmError('invalid-request', `files without a partner of the same name:\n${unpaired.join('\n')}`, {
      fix: 'Give both folders the same file names, one prediction for each label.',
      details: { unpaired },
    });
  }
  return [...pairs.values()];
}

async function niftiFilesById(folder: string): Promise<Map<string, string>> {
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
    if (other !== undefined) {
      throw new VoxhelmError('invalid-request', `${other} and ${name} in ${folder} are the same case`, {
        fix: 'Remove one of them.',
      });
    }
    files.set(caseId, join(folder, name));
  }
  if (files.size === 0) {
    throw new VoxhelmError('invalid-request', `${folder} holds no .nii or .nii.gz file`, {
      fix: 'Give the path of a folder with label maps.',
    });
  }
  return files;
}
