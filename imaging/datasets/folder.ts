import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Datalist, DatalistCase } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { apartFromTraining, isImageName, pathInside, stemOf } from './dataset-paths.ts';

/** Turns a folder of imagesTr and labelsTr (imagesTs, labelsTs where present) without any list into a datalist. */
export function folderDatalist(root: string): Datalist {
  const training = casesOf(root, 'Tr');
  if (training.length === 0) {
    throw new VoxhelmError('invalid-request', `${join(root, 'imagesTr')} holds no .nii or .nii.gz file`, {
      fix: 'Put the images in imagesTr and the label maps under the same names in labelsTr.',
    });
  }
  return {
    schemaVersion: 1,
    name: basename(root),
    root,
    layout: 'folder',
    modalities: [],
    channelNames: [],
    labels: [],
    training,
    testing: apartFromTraining(root, training, casesOf(root, 'Ts')),
  };
}

/** Image and label share a name; `_0000`, `_0001`, ... behind it count channels. Labels without image are cases too. */
function casesOf(root: string, suffix: 'Tr' | 'Ts'): DatalistCase[] {
  const images = list(join(root, `images${suffix}`));
  const labels = new Map(list(join(root, `labels${suffix}`)).map((name) => [stemOf(name), name]));
  const filesOfCase = new Map<string, string[]>();
  for (const name of images) {
    const stem = stemOf(name);
    const caseId = labels.has(stem) ? stem : stem.replace(/_\d{4}$/, '');
    filesOfCase.set(caseId, [...(filesOfCase.get(caseId) ?? []), name]);
  }
  for (const [stem, name] of labels) if (!filesOfCase.has(stem)) filesOfCase.set(stem, [name]);
  return [...filesOfCase.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([caseId, names]) => {
      const label = labels.get(caseId) ?? (suffix === 'Tr' ? `${caseId}.nii.gz` : undefined);
      return {
        caseId,
        images: names.map((name) => pathInside(root, `images${suffix}/${name}`, caseId)),
        label: label === undefined ? null : pathInside(root, `labels${suffix}/${label}`, caseId),
      };
    });
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter(isImageName).sort() : [];
}
