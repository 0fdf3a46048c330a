import type { Plan } from '@voxhelm/contracts/plan';
import { perAxis, type Triple } from './axes.ts';

/** Which patches a plan's network can take: multiples of `divisor`, no axis below `least`, the longest not below `leastLongest`. */
export interface PatchGrid {
  readonly divisor: Triple;
  readonly least: Triple;
  readonly leastLongest: number;
}

/** nnU-Net's shortest edge of a feature map, for axes that are hardly halved. */
const SHORTEST_EDGE = 4;

/** The grid of a network that wants two cells at its coarsest, as Auto3DSeg has it. */
export function gridOf(divisor: Triple): PatchGrid {
  return { divisor, least: perAxis((axis) => Math.max(2 * divisor[axis], SHORTEST_EDGE)), leastLongest: 0 };
}

/**
 * The next smaller patch: one step of the grid off the longest side in mm, as nnU-Net does it. Where cases keep their own
 * spacing, off the side of the most cells at the network's coarsest, which it makes about alike in mm. null: there is none.
 */
export function smallerPatch(
  { patchSize, preprocessing }: Pick<Plan, 'patchSize' | 'preprocessing'>,
  { divisor, least, leastLongest }: PatchGrid,
): Triple | null {
  const unit = preprocessing.spacingMm ?? perAxis((axis) => 1 / divisor[axis]);
  const cut = (longest: number): Triple => perAxis((axis) => patchSize[axis] - (axis === longest ? divisor[axis] : 0));
  const possible = ([0, 1, 2] as const).filter((axis) => {
    const smaller = cut(axis);
    return smaller[axis] >= least[axis] && Math.max(...smaller) >= leastLongest;
  });
  const lengths = possible.map((axis) => patchSize[axis] * unit[axis]);
  const longest = possible[lengths.lastIndexOf(Math.max(...lengths))];
  return longest === undefined ? null : cut(longest);
}
