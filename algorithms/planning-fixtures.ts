import type { AnalysisSummary, SampleStatistics } from '@voxhelm/contracts/analysis';
import type { Modality } from '@voxhelm/contracts/dataset';
import type { Device } from '@voxhelm/contracts/plan';
import type { PlanInput } from './planner.ts';

/*
 * Made-up datasets for tests of planners: what an analysis would say of them.
 */

type Triple = readonly [number, number, number];

function spread(low: Triple, median: Triple, high: Triple): SampleStatistics {
  return {
    max: [...high],
    mean: [...median],
    median: [...median],
    min: [...low],
    stdev: [0, 0, 0],
    percentile_00_5: [...low],
    percentile_10_0: [...low],
    percentile_90_0: [...high],
    percentile_99_5: [...high],
  };
}

/** What differs between made-up datasets. */
export interface MadeUpDataset {
  readonly cases: number;
  readonly channels: number;
  readonly labels: readonly string[];
  /** Smallest, median and largest voxels along each axis. */
  readonly voxels: readonly [Triple, Triple, Triple];
  readonly spacingMm: readonly [Triple, Triple, Triple];
  /** Foreground percentiles 0.5 and 99.5. */
  readonly foreground: readonly [number, number];
  /** The same of each channel, pooled over cases; absent: as in analyses of earlier versions. */
  readonly pooled?: readonly (readonly [number, number])[];
  readonly modalities?: readonly Modality[];
  /** Share of an image's voxels that each label but the background has; absent: unknown. */
  readonly labelShare?: number;
}

/** The summary of a made-up dataset. */
export function madeUpSummary({
  cases,
  channels,
  labels,
  voxels,
  spacingMm,
  foreground,
  pooled,
  labelShare,
}: MadeUpDataset): AnalysisSummary {
  const shape = spread(...voxels);
  const sizes = voxels.map((one, index) => one.map((n, axis) => n * (spacingMm[index]?.[axis] ?? 1)));
  const sizemm = spread(...(sizes as unknown as readonly [Triple, Triple, Triple]));
  const count = {
    ...spread([1, 1, 1], [1, 1, 1], [1, 1, 1]),
    max: channels,
    mean: channels,
    median: channels,
    min: channels,
  };
  const intensity = intensityBetween(foreground);
  return {
    n_cases: cases,
    image_stats: { shape, channels: count, cropped_shape: shape, spacing: spread(...spacingMm), sizemm, intensity },
    image_foreground_stats: {
      intensity,
      ...(pooled === undefined ? {} : { pooled: pooled.map(intensityBetween) }),
    },
    label_stats: {
      labels: labels.map((_, value) => value),
      image_intensity: intensity,
      label:
        labelShare === undefined
          ? []
          : labels.slice(1).map((_, index) => ({
              value: index + 1,
              foreground_percentage: {
                ...count,
                max: labelShare,
                mean: labelShare,
                median: labelShare,
                min: labelShare,
              },
              image_intensity: intensity,
              shape,
              ncomponents: count,
            })),
    },
  };
}

function intensityBetween([lower, upper]: readonly [number, number]) {
  return {
    max: upper * 2,
    mean: (lower + upper) / 2,
    median: (lower + upper) / 2,
    min: lower,
    stdev: (upper - lower) / 4,
    percentile_00_5: lower,
    percentile_10_0: lower,
    percentile_90_0: upper,
    percentile_99_5: upper,
  };
}

/** Small single-channel MR crops, isotropic: the sample dataset. */
export const HIPPOCAMPUS: MadeUpDataset = {
  cases: 24,
  channels: 1,
  labels: ['background', 'anterior', 'posterior'],
  voxels: [
    [32, 44, 28],
    [35, 50, 35],
    [42, 55, 43],
  ],
  spacingMm: [
    [1, 1, 1],
    [1, 1, 1],
    [1, 1, 1],
  ],
  foreground: [144, 694],
};

/** Abdominal CT with thick slices of varying thickness. */
export const ABDOMEN: MadeUpDataset = {
  cases: 100,
  channels: 1,
  labels: ['background', 'liver', 'tumour'],
  voxels: [
    [512, 512, 60],
    [512, 512, 100],
    [512, 512, 600],
  ],
  spacingMm: [
    [0.6, 0.6, 3],
    [0.8, 0.8, 5],
    [0.95, 0.95, 5],
  ],
  foreground: [-160, 240],
  modalities: ['CT'],
};

/** Brain MR of four channels, isotropic 1 mm. */
export const BRAIN: MadeUpDataset = {
  cases: 484,
  channels: 4,
  labels: ['background', 'oedema', 'core', 'enhancing'],
  voxels: [
    [240, 240, 155],
    [240, 240, 155],
    [240, 240, 155],
  ],
  spacingMm: [
    [1, 1, 1],
    [1, 1, 1],
    [1, 1, 1],
  ],
  foreground: [0, 2000],
};

/** Abdominal CT with thick slices, all alike. */
export const THICK_CT: MadeUpDataset = {
  cases: 60,
  channels: 1,
  labels: ['background', 'liver', 'tumour'],
  voxels: [
    [512, 512, 100],
    [512, 512, 100],
    [512, 512, 100],
  ],
  spacingMm: [
    [0.8, 0.8, 5],
    [0.8, 0.8, 5],
    [0.8, 0.8, 5],
  ],
  foreground: [-20, 150],
  pooled: [[-100, 210]],
  modalities: ['CT'],
};

/** Whole-body PET and CT, resampled to the PET's grid: channels that have nothing in common. */
export const PET_CT: MadeUpDataset = {
  cases: 500,
  channels: 2,
  labels: ['background', 'lesion'],
  voxels: [
    [400, 400, 280],
    [400, 400, 326],
    [400, 400, 900],
  ],
  spacingMm: [
    [2.04, 2.04, 3],
    [2.04, 2.04, 3],
    [2.04, 2.04, 3],
  ],
  // Means over both channels: of neither.
  foreground: [-35, 115],
  pooled: [
    [-80, 210],
    [1.2, 18],
  ],
  modalities: ['CT', 'PET'],
};

/** The classes of a whole body in CT at 1.5 mm. */
export const WHOLE_BODY: MadeUpDataset = {
  cases: 1200,
  channels: 1,
  labels: ['background', ...Array.from({ length: 104 }, (_, i) => `structure ${i + 1}`)],
  voxels: [
    [180, 140, 60],
    [254, 200, 240],
    [333, 333, 600],
  ],
  spacingMm: [
    [1.5, 1.5, 1.5],
    [1.5, 1.5, 1.5],
    [1.5, 1.5, 1.5],
  ],
  foreground: [-950, 900],
  pooled: [[-980, 1000]],
  modalities: ['CT'],
};

/** One class of 20 voxels in a large image. */
export const SPECKS: MadeUpDataset = {
  cases: 40,
  channels: 1,
  labels: ['background', 'speck'],
  voxels: [
    [256, 256, 128],
    [256, 256, 128],
    [256, 256, 128],
  ],
  spacingMm: [
    [1, 1, 1.2],
    [1, 1, 1.2],
    [1, 1, 1.2],
  ],
  foreground: [300, 320],
  pooled: [[290, 330]],
  modalities: ['MRI'],
  labelShare: 20 / (256 * 256 * 128),
};

/** Two cores and 8 GB. */
export const CPU: Device = { kind: 'cpu', name: 'two cores', memoryBytes: 8 * 2 ** 30, cores: 2 };

/** A GPU with so many GB. */
export function gpu(memoryGb: number): Device {
  return { kind: 'cuda', name: 'a GPU', memoryBytes: memoryGb * 2 ** 30, cores: 16 };
}

/** What a planner gets for a made-up dataset. */
export function planInput(dataset: MadeUpDataset, changes: Partial<PlanInput> = {}): PlanInput {
  return {
    summary: madeUpSummary(dataset),
    device: CPU,
    labels: dataset.labels.map((name, value) => ({ value, name })),
    modalities: dataset.modalities ?? ['MRI'],
    trainingCases: dataset.cases,
    fold: 0,
    overrides: {},
    ...changes,
  };
}
