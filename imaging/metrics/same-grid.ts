import { VoxhelmError } from '@voxhelm/contracts/errors';
import { isIdentity, type Rearrangement, rearrangedAffine, rearrangedShape, rearrangeVolume } from '../rearrange.ts';
import { type Affine, affineAt, type LabelMap, spacingOf, type Vec3 } from '../volume.ts';

/*
 * A prediction beside its label, voxel by voxel. Where its axes are in another order or run the other way, and its affine
 * says so, it is turned: no voxel is interpolated.
 */

/** How far apart the same voxel may lie, in voxels of the label's shortest side: room for affines that were rounded. */
const ALLOWED_VOXELS = 0.05;

const AXIS_ORDERS: readonly Vec3[] = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

/** All ways to order and mirror three axes; first the one that leaves them as they are. */
const ORIENTATIONS: readonly Rearrangement[] = AXIS_ORDERS.flatMap((from) =>
  Array.from({ length: 8 }, (_, bits) => ({ from, flip: [(bits & 1) > 0, (bits & 2) > 0, (bits & 4) > 0] as const })),
);

/**
 * The prediction on its label's grid: itself where it lies on it, turned where only the order and direction of its axes
 * differ. Throws `invalid-request` naming both files where it has another shape or lies elsewhere in every orientation.
 */
export function onGridOf(
  prediction: LabelMap,
  truth: LabelMap,
  predictionPath: string,
  labelPath: string,
): { map: LabelMap; turned: boolean } {
  const allowedMm = ALLOWED_VOXELS * Math.min(...spacingOf(truth.affine));
  const [asItIs] = fits(prediction, truth, ORIENTATIONS.slice(0, 1));
  if (asItIs !== undefined && asItIs.distanceMm <= allowedMm) return { map: prediction, turned: false };
  const [nearest] = fits(prediction, truth, ORIENTATIONS);
  if (nearest === undefined) {
    throw new VoxhelmError(
      'invalid-request',
      `${predictionPath} has ${prediction.shape.join('x')} voxels, ${labelPath} ${truth.shape.join('x')}`,
      { fix: "Bring the prediction to the label's grid." },
    );
  }
  const { change, distanceMm } = nearest;
  if (distanceMm <= allowedMm) return { map: rearrangeVolume(prediction, change), turned: true };
  const turned = !isIdentity(change);
  throw new VoxhelmError(
    'invalid-request',
    `${predictionPath} lies elsewhere than ${labelPath}: their affines put a corner ${distanceMm.toFixed(3)} mm apart${turned ? ', with the axes in one order and direction' : ''}`,
    {
      fix: fixOf(turned, originDistanceMm(prediction.affine, truth.affine) <= allowedMm),
      details: { distanceMm, allowedMm },
    },
  );
}

/** What to do about another place. Where axes do run otherwise, the image's affine alone makes a mirrored label. */
function fixOf(turned: boolean, sameOrigin: boolean): string {
  if (!turned) return "Write the prediction with its image's affine.";
  const affineAlone = "write it with its image's affine only if its voxels are in the image's order";
  return sameOrigin
    ? `Its first voxel lies where the label's does and its axes run the other way, as nibabel's slicer[::-1] leaves them, whose affine is wrong: if it was mirrored so, mirror it back the same way; ${affineAlone}.`
    : `Resample the prediction onto its image's grid; ${affineAlone}.`;
}

function originDistanceMm(a: Affine, b: Affine): number {
  return gridDistanceMm(a, b, [1, 1, 1]);
}

/** An orientation in which the prediction has its label's shape, and how far apart the same voxel then lies at most. */
interface Fit {
  readonly change: Rearrangement;
  readonly distanceMm: number;
}

/** Nearest first; of equals, in the order given. */
function fits(prediction: LabelMap, truth: LabelMap, orientations: readonly Rearrangement[]): Fit[] {
  return orientations
    .filter((change) => rearrangedShape(prediction.shape, change).every((size, axis) => size === truth.shape[axis]))
    .map((change) => {
      const affine = rearrangedAffine(prediction.affine, prediction.shape, change);
      return { change, distanceMm: gridDistanceMm(affine, truth.affine, truth.shape) };
    })
    .sort((a, b) => a.distanceMm - b.distanceMm);
}

/** How far apart (mm) two affines put the same voxel at most: a linear map differs most at a corner of the grid. */
function gridDistanceMm(a: Affine, b: Affine, shape: Vec3): number {
  let furthest = 0;
  for (let corner = 0; corner < 8; corner++) {
    const voxel = [0, 1, 2].map((axis) => ((corner >> axis) & 1) * ((shape[axis] as number) - 1));
    const offsets = [0, 1, 2].map((row) => {
      const difference = (column: number): number => affineAt(a, row, column) - affineAt(b, row, column);
      return voxel.reduce((sum, index, column) => sum + difference(column) * index, difference(3));
    });
    furthest = Math.max(furthest, Math.hypot(...offsets));
  }
  return furthest;
}
