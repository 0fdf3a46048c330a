import type { LabelMap } from './volume.ts';

/*
 * Voxels that nobody labelled (nnU-Net's "ignore"): the truth has a value for them that is no class.
 */

/** The class index of such a voxel in training: no plan has so many classes (contracts/plan.ts). */
export const IGNORED_CLASS = 255;

/** A label map with background wherever the truth says that nobody labelled the voxel; the map itself where there is none. */
export function withoutIgnored<T extends LabelMap>(map: T, truth: LabelMap, ignoreLabel: number | null): T {
  if (ignoreLabel === null || !truth.data.includes(ignoreLabel)) return map;
  const data = map.data.slice();
  for (let i = 0; i < data.length; i++) if (truth.data[i] === ignoreLabel) data[i] = 0;
  return { ...map, data };
}
