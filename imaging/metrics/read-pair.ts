import type { VoxhelmError } from '@voxhelm/contracts/errors';
import { readLabel } from '../nifti.ts';
import type { LabelMap } from '../volume.ts';
import { noting } from './faults.ts';
import { requireLabelValues } from './label-values.ts';
import type { Pair } from './pair-files.ts';
import { onGridOf } from './same-grid.ts';

/** A prediction and its truth, on one grid. */
export interface PairOfMaps {
  readonly prediction: LabelMap;
  readonly truth: LabelMap;
  /** The prediction's axes were in another order or direction. */
  readonly turned: boolean;
}

/** Reads both files of a pair; null where they cannot be compared, with all that is wrong with either added to `faults`. */
export async function readPair(pair: Pair, faults: VoxhelmError[]): Promise<PairOfMaps | null> {
  const before = faults.length;
  const prediction = await readChecked(pair.prediction, faults);
  const truth = await readChecked(pair.label, faults);
  if (prediction === null || truth === null) return null;
  const placed = await noting(faults, () => onGridOf(prediction, truth, pair.prediction, pair.label));
  return placed === null || faults.length > before ? null : { prediction: placed.map, truth, turned: placed.turned };
}

/** A label map, also where some of its values are no label values; null where it cannot be read. */
async function readChecked(path: string, faults: VoxhelmError[]): Promise<LabelMap | null> {
  const map = await noting(faults, () => readLabel(path));
  if (map !== null) await noting(faults, () => requireLabelValues(map, path));
  return map;
}
