import type { AnalysisSummary, SampleStatistics } from '@voxhelm/contracts/analysis';
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
}

/** The summary of a made-up dataset. */
export function madeUpSummary({
  cases,
  channels,
  labels,
  voxels,
  spacingMm,
  foreground,
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
  const [lower, upper] = foreground;
  const intensity = {
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
  return {
    n_cases: cases,
    image_stats: { shape, channels: count, cropped_shape: shape, spacing: spread(...spacingMm), sizemm, intensity },
    image_foreground_stats: { intensity },
    label_stats: { labels: labels.map((_, value) => value), image_intensity: intensity, label: [] },
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
    modalities: [dataset === ABDOMEN ? 'CT' : 'MRI'],
    trainingCases: dataset.cases,
    fold: 0,
    overrides: {},
    ...changes,
  };
}
