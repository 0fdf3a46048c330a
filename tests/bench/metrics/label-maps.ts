import { join } from 'node:path';
import { writeNifti } from '@voxhelm/imaging/nifti';
import { type Random, seededRandom } from '@voxhelm/imaging/random';
import { type LabelMap, type Vec3, voxelCount } from '@voxhelm/imaging/volume';

/** A size of label map, as data sets have it. */
export interface MapSize {
  readonly shape: Vec3;
  readonly spacingMm: Vec3;
  /** Foreground classes: label values 1 to this. */
  readonly classes: number;
}

/** What is measured: a small MR crop, a head, a CT of the abdomen with many organs. */
export const SIZES = {
  hippocampus: { shape: [35, 51, 35], spacingMm: [1, 1, 1], classes: 2 },
  head: { shape: [256, 256, 128], spacingMm: [1, 1, 1.5], classes: 3 },
  abdomen: { shape: [512, 512, 100], spacingMm: [0.8, 0.8, 3], classes: 14 },
} as const satisfies Readonly<Record<string, MapSize>>;

/** A size's name. */
export type SizeName = keyof typeof SIZES;

/** Where a pair of label maps lies: a folder with the prediction and one with the truth, as `voxhelm evaluate` takes them. */
export interface MapFolders {
  readonly predictions: string;
  readonly labels: string;
}

/** The one case's file in both folders. */
export const CASE_FILE = 'case.nii.gz';

/** A lump of one class: an ellipsoid with a bumpy surface. Voxels. */
interface Lump {
  readonly centre: Vec3;
  readonly radii: Vec3;
  /** Where the bumps begin along each axis, in radians. */
  readonly phases: Vec3;
}

/** Of all voxels about this share is foreground. */
const FOREGROUND_SHARE = 0.18;
const BUMP_HEIGHT = 0.08;
const BUMPS_A_RADIUS = 3;

/** Writes a made-up truth of one lump a class, and a prediction whose lumps are a little elsewhere and of other bumps. */
export async function writeMaps(folder: string, size: MapSize, seed: number): Promise<MapFolders> {
  const { shape, spacingMm, classes } = size;
  const random = seededRandom('metrics', seed, classes);
  const truth = new Uint8Array(voxelCount(shape));
  const prediction = new Uint8Array(truth.length);
  for (let value = 1; value <= classes; value++) {
    const lump = lumpIn(shape, classes, random);
    fill(truth, shape, lump, value);
    fill(prediction, shape, moved(lump, random), value);
  }
  const folders = { predictions: join(folder, 'predictions'), labels: join(folder, 'labels') };
  const [x, y, z] = spacingMm;
  const affine = [x, 0, 0, 0, 0, y, 0, 0, 0, 0, z, 0, 0, 0, 0, 1];
  const map = (data: Uint8Array): LabelMap => ({ shape, affine, data });
  await writeNifti(join(folders.predictions, CASE_FILE), map(prediction));
  await writeNifti(join(folders.labels, CASE_FILE), map(truth));
  return folders;
}

function lumpIn(shape: Vec3, classes: number, random: Random): Lump {
  const radius = Math.cbrt((FOREGROUND_SHARE / classes) * (3 / (4 * Math.PI)));
  return {
    centre: byAxis((axis) => shape[axis] * (0.25 + 0.5 * random())),
    radii: byAxis((axis) => shape[axis] * radius * (0.7 + 0.6 * random())),
    phases: byAxis(() => 2 * Math.PI * random()),
  };
}

/** As a fair prediction has it: a voxel off, a little larger or smaller, with bumps of its own. */
function moved({ centre, radii }: Lump, random: Random): Lump {
  return {
    centre: byAxis((axis) => centre[axis] + 3 * (random() - 0.5)),
    radii: byAxis((axis) => radii[axis] * (0.95 + 0.1 * random())),
    phases: byAxis(() => 2 * Math.PI * random()),
  };
}

function fill(data: Uint8Array, shape: Vec3, { centre, radii, phases }: Lump, value: number): void {
  const away = (axis: Axis, at: number): number => (at - centre[axis]) / radii[axis];
  const bump = (axis: Axis, at: number): number => Math.sin(BUMPS_A_RADIUS * away(axis, at) + phases[axis]) / 3;
  const reach = 1 + BUMP_HEIGHT;
  const first = byAxis((axis) => Math.max(0, Math.floor(centre[axis] - reach * radii[axis])));
  const last = byAxis((axis) => Math.min(shape[axis] - 1, Math.ceil(centre[axis] + reach * radii[axis])));
  const along = byAxisOf((axis) => {
    const places = Array.from({ length: last[axis] - first[axis] + 1 }, (_, i) => first[axis] + i);
    return places.map((at) => ({ squared: away(axis, at) ** 2, bump: bump(axis, at) }));
  });
  for (const [i, x] of along[0].entries()) {
    for (const [j, y] of along[1].entries()) {
      const line = ((first[0] + i) * shape[1] + first[1] + j) * shape[2] + first[2];
      for (const [k, z] of along[2].entries()) {
        const surface = 1 + BUMP_HEIGHT * (x.bump + y.bump + z.bump);
        if (x.squared + y.squared + z.squared <= surface * surface) data[line + k] = value;
      }
    }
  }
}

type Axis = 0 | 1 | 2;

function byAxisOf<T>(of: (axis: Axis) => T): readonly [T, T, T] {
  return [of(0), of(1), of(2)];
}

function byAxis(of: (axis: Axis) => number): Vec3 {
  return byAxisOf(of);
}
