import { VoxhelmError } from '@voxhelm/contracts/errors';
import { counted } from '@voxhelm/contracts/words';
import type { LabelMap } from '../volume.ts';

/*
 * Which numbers are label values: whole ones from 0 that 16 bits hold.
 */

/** 16 bits hold every label value in use (FreeSurfer's largest is 14175). */
const LARGEST_LABEL_VALUE = 65_535;

/** Wrong values that a message names; an image that was given for a label map has thousands. */
const NAMED_VALUES = 4;

/** Throws `invalid-request` that says why a number is no label value. */
export function requireLabelValue(value: number): void {
  const fault = !Number.isInteger(value)
    ? 'is not whole'
    : value < 0
      ? 'is negative'
      : value > LARGEST_LABEL_VALUE
        ? `is above ${LARGEST_LABEL_VALUE}`
        : null;
  if (fault === null) return;
  throw new VoxhelmError('invalid-request', `label value ${value} ${fault}`, { fix: 'Renumber the labels.' });
}

/** Throws `bad-image` that names the file's values that are no label values, and on how many voxels they lie. */
export function requireLabelValues({ data }: LabelMap, path: string): void {
  // Reading gives 32 bits only to values that do not fit 16.
  if (!(data instanceof Int32Array)) return;
  const voxels = new Map<number, number>();
  for (const value of data) {
    if (value < 0 || value > LARGEST_LABEL_VALUE) voxels.set(value, (voxels.get(value) ?? 0) + 1);
  }
  if (voxels.size === 0) return;
  const values = [...voxels.keys()].sort((a, b) => a - b);
  const said = [
    { where: 'below 0', wrong: values.filter((value) => value < 0) },
    { where: `above ${LARGEST_LABEL_VALUE}`, wrong: values.filter((value) => value > LARGEST_LABEL_VALUE) },
  ].flatMap(({ where, wrong }) => {
    if (wrong.length === 0) return [];
    const named = wrong.slice(0, NAMED_VALUES).map((value) => `${value} (${counted(voxels.get(value) ?? 0, 'voxel')})`);
    const left = wrong.length - named.length;
    return [`${where}: ${named.join(', ')}${left === 0 ? '' : ` and ${left} more`}`];
  });
  throw new VoxhelmError('bad-image', `${path}: holds label values ${said.join('; ')}`, {
    fix: `Give each label a number from 0 to ${LARGEST_LABEL_VALUE}; where this is an image, give its label map.`,
    details: { file: path },
  });
}
