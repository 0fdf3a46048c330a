import type { Device } from '@voxhelm/contracts/plan';
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

const GIB = 2 ** 30;
/** Auto3DSeg's first patch, 224 x 224 x 144: what 16 GB train with 32 filters and 5 levels (automl.md 1.6). */
const BASE_PATCH = [224, 224, 144] as const;
const BASE_VOXELS = 224 * 224 * 144;
/** Auto3DSeg trains in half precision; single precision keeps activations of twice the size. */
const FLOAT32_SHARE = 0.5;
/** On a CPU 48^3 voxels with 16 filters take about a quarter of a second a step on two cores (foundations.md). */
const CPU_VOXELS = 48 ** 3;
/** More patches than this in a batch only cost time on small images; Auto3DSeg reaches 242 there. */
const MAX_BATCH = 8;
/** nnU-Net: a batch covers at most 5 % of the dataset, but two patches at least (automl.md 6.3). */
const BATCH_SHARE = 0.05;

/** Small networks and patches where a CPU trains. */
function cpuProfile(device: Device, anisotropic: boolean): DeviceProfile {
  // Anisotropic voxels get Auto3DSeg's flat patch, scaled down to the same number of voxels.
  const scale = Math.cbrt(CPU_VOXELS / BASE_VOXELS);
  const start: [number, number, number] = anisotropic
    ? [BASE_PATCH[0] * scale, BASE_PATCH[1] * scale, BASE_PATCH[2] * scale]
    : [48, 48, 48];
  return {
    patch: { voxels: CPU_VOXELS, start, maxLevels: 4 },
    initFilters: 16,
    learningRate: 1e-3,
    overlap: 0.5,
    windowBatchSize: 2,
    checkpointEverySteps: 100,
    batchSize: () => 2,
    described: `CPU with ${device.cores} cores`,
  };
}

/** Auto3DSeg's sizes where a GPU trains, by its memory. */
function gpuProfile(device: Device, anisotropic: boolean): DeviceProfile {
  const memoryGb = (device.memoryBytes / GIB) * FLOAT32_SHARE;
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
    described: `${device.name} with ${(device.memoryBytes / GIB).toFixed(0)} GB`,
  };
}

/** The profile of a device. */
export function deviceProfile(device: Device, anisotropic: boolean): DeviceProfile {
  return device.kind === 'cpu' ? cpuProfile(device, anisotropic) : gpuProfile(device, anisotropic);
}
