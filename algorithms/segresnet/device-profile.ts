import type { Device } from '@voxhelm/contracts/plan';
import { perAxis, type Triple, volume } from '../axes.ts';
import { cpuVoxels, describeDevice, MANY_CLASSES, referenceGb } from '../device.ts';
import type { PatchBudget } from './geometry.ts';

/** What a kind of device changes in a plan. */
export interface DeviceProfile {
  readonly patch: PatchBudget;
  readonly initFilters: number;
  readonly learningRate: number;
  readonly overlap: number;
  readonly windowBatchSize: number;
  readonly checkpointEverySteps: number;
  /** Patches in a batch for a patch of so many voxels, of a dataset with so many voxels. */
  readonly batchSize: (patchVoxels: number, datasetVoxels: number) => number;
  /** For people, at the head of the reasons. */
  readonly described: string;
}

/** What of a dataset a profile depends on. */
export interface ProfiledData {
  /** What the network sees. */
  readonly spacingMm: Triple;
  readonly anisotropic: boolean;
  /** Background included. */
  readonly classes: number;
}

/** Auto3DSeg's first patch, 224 x 224 x 144: what 16 GB train with 32 filters and 5 levels (automl.md 1.6). */
const BASE_PATCH = [224, 224, 144] as const;
const BASE_VOXELS = 224 * 224 * 144;
/** More patches than this in a batch only cost time on small images; Auto3DSeg reaches 242 there. */
const MAX_BATCH = 8;
/** nnU-Net: a batch covers at most 5 % of the dataset, but two patches at least (automl.md 6.3). */
const BATCH_SHARE = 0.05;

/**
 * Auto3DSeg's memory for the logits of many classes: what a patch shrinks to, as a factor, on a device of so many GB; null
 * where it need not.
 */
function shrinkForClasses(classes: number, memoryGb: number): number | null {
  if (classes <= MANY_CLASSES) return null;
  // Below 17 GB automl.md says half; its own verified examples at 16 GB (25 classes 160^3, 105 classes 128^3) fit 0.75.
  const factor = (memoryGb / (0.2 * classes + 11.5)) * (memoryGb < 17 ? 0.75 : 1);
  return factor < 0.95 ? factor : null;
}

/** The cube of at most so many voxels, in multiples of 16. */
function cubeOf(voxels: number): [number, number, number] {
  const side = 16 * Math.max(1, Math.floor(Math.cbrt(voxels) / 16 + 1e-9));
  return [side, side, side];
}

/**
 * Small networks and patches where a CPU trains: cubes, and of anisotropic voxels patches in the aspect of the spacing, as
 * nnU-Net's. Auto3DSeg's flat shape, which is meant for 512 x 512 slices, would be a column of 38 x 38 x 170 mm in CT of
 * 0.8 x 0.8 x 5 mm.
 */
function cpuProfile(device: Device, { spacingMm, anisotropic, classes }: ProfiledData): DeviceProfile {
  const voxels = cpuVoxels(classes);
  const side = Math.cbrt(voxels * (anisotropic ? volume(spacingMm) : 1));
  return {
    patch: { voxels, start: perAxis((axis) => side / (anisotropic ? spacingMm[axis] : 1)), maxLevels: 4 },
    initFilters: 16,
    learningRate: 1e-3,
    overlap: 0.5,
    windowBatchSize: 2,
    checkpointEverySteps: 100,
    batchSize: () => 2,
    described: `${describeDevice(device)}${classes > MANY_CLASSES ? `, for ${classes} classes` : ''}`,
  };
}

/** Auto3DSeg's sizes where a GPU trains, by its memory. */
function gpuProfile(device: Device, data: ProfiledData): DeviceProfile {
  const { anisotropic, classes } = data;
  const memoryGb = referenceGb(device);
  const shrink = shrinkForClasses(classes, memoryGb);
  if (shrink !== null) {
    const start = cubeOf(BASE_VOXELS * shrink);
    return {
      ...gpuProfile(device, { ...data, classes: MANY_CLASSES }),
      patch: { voxels: start[0] ** 3, start, maxLevels: 5 },
      batchSize: () => 1,
      described: `${describeDevice(device)}, for ${classes} classes`,
    };
  }
  const factor = Math.max(1, memoryGb / 16) * (anisotropic && memoryGb > 16 ? 0.8 : 1);
  // A smaller GPU (which Auto3DSeg takes for its smallest) gets a smaller patch instead of running out of memory.
  const voxels = BASE_VOXELS * Math.min(1, memoryGb / 16);
  const scale = Math.cbrt(voxels / BASE_VOXELS);
  return {
    patch: { voxels, start: [BASE_PATCH[0] * scale, BASE_PATCH[1] * scale, BASE_PATCH[2] * scale], maxLevels: 5 },
    initFilters: 32,
    learningRate: 2e-4,
    overlap: 0.625,
    windowBatchSize: 4,
    checkpointEverySteps: 250,
    batchSize: (patchVoxels, datasetVoxels) => {
      const byMemory = Math.floor(
        (1.1 * Math.max(voxels, BASE_VOXELS * Math.min(factor, memoryGb / 16))) / patchVoxels,
      );
      const byData = Math.max(2, Math.floor((BATCH_SHARE * datasetVoxels) / patchVoxels));
      return Math.max(1, Math.min(byMemory, byData, MAX_BATCH));
    },
    described: describeDevice(device),
  };
}

/** The profile of a device for a dataset. */
export function deviceProfile(device: Device, data: ProfiledData): DeviceProfile {
  return device.kind === 'cpu' ? cpuProfile(device, data) : gpuProfile(device, data);
}
