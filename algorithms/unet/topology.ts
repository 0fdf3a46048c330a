import { perAxis, type Triple, volume } from '../axes.ts';

/*
 * nnU-Net's rules for patch, topology and batch (Isensee et al., Nature Methods 2021; ExperimentPlanner of nnU-Net 2.8;
 * ../shared/reference/automl.md 6.3). Pure numbers, axes x, y, z.
 */

/** A feature map is never halved below this edge. */
const SMALLEST_EDGE = 4;
/** A finest spacing counts as close to another where it is less than this factor finer. */
const CLOSE_SPACING = 2;
/** Voxels of feature maps that a network with two patches may have at 8 GB. */
const REFERENCE_VOXELS = 560_000_000;
const REFERENCE_GB = 8;
const REFERENCE_BATCH = 2;
const SMALLEST_BATCH = 2;
/** A batch covers at most this share of the dataset. */
const DATASET_SHARE = 0.05;
const MOST_FEATURES = 320;
const CONVS_PER_STAGE = 2;

/** Where a network halves which axis, and what a patch becomes for it. */
export interface Topology {
  /** On entering each stage; all 1 for the first. */
  readonly strides: readonly Triple[];
  readonly kernels: readonly Triple[];
  /** The patch, padded to what the halvings need. */
  readonly patchSize: Triple;
  readonly divisor: Triple;
}

function axesToHalve(size: Triple, spacing: Triple): number[] {
  const large = [0, 1, 2].filter((axis) => (size[axis] as number) >= 2 * SMALLEST_EDGE);
  const finest = Math.min(...large.map((axis) => spacing[axis] as number));
  const fine = large.filter((axis) => (spacing[axis] as number) / finest < CLOSE_SPACING);
  // A single axis is halved only where three edges of the smallest map fit in.
  return fine.length === 1 && (size[fine[0] as number] as number) < 3 * SMALLEST_EDGE ? [] : fine;
}

/** The topology for a patch: fine axes are halved until the spacing is alike, then all, as long as they are large enough. */
export function topologyOf(patch: Readonly<Triple>, spacingMm: Readonly<Triple>): Topology {
  const size: Triple = [...patch];
  const spacing: Triple = [...spacingMm];
  const divisor: Triple = [1, 1, 1];
  const kernel: Triple = [1, 1, 1];
  const strides: Triple[] = [[1, 1, 1]];
  const kernels: Triple[] = [];
  for (let halved = axesToHalve(size, spacing); halved.length > 0; halved = axesToHalve(size, spacing)) {
    const finest = Math.min(...spacing);
    for (const axis of [0, 1, 2] as const) if (spacing[axis] / finest < CLOSE_SPACING) kernel[axis] = 3;
    kernels.push([...kernel]);
    strides.push(perAxis((axis) => (halved.includes(axis) ? 2 : 1)));
    for (const axis of halved as (0 | 1 | 2)[]) {
      spacing[axis] *= 2;
      size[axis] = Math.ceil(size[axis] / 2);
      divisor[axis] *= 2;
    }
  }
  // The deepest stage always sees all axes.
  kernels.push([3, 3, 3]);
  const patchSize = perAxis((axis) => Math.ceil(patch[axis] / divisor[axis]) * divisor[axis]);
  return { strides, kernels, patchSize, divisor };
}

/** Channels of each stage: doubled from stage to stage up to 320. */
export function featuresOf(stages: number, baseFeatures: number): number[] {
  return Array.from({ length: stages }, (_, stage) => Math.min(MOST_FEATURES, baseFeatures * 2 ** stage));
}

/**
 * Voxels of all feature maps of a plain U-Net for one patch: every convolution, transposed convolution and the finest head.
 * nnU-Net's measure of memory.
 */
export function featureMapVoxels(
  { strides, patchSize }: Topology,
  features: readonly number[],
  classes: number,
): number {
  let size: Triple = [...patchSize];
  const maps = strides.map((stride, stage) => {
    size = perAxis((axis) => Math.floor(size[axis] / stride[axis]));
    return (features[stage] as number) * volume(size);
  });
  const encoder = CONVS_PER_STAGE * maps.reduce((sum, map) => sum + map, 0);
  const decoder = (CONVS_PER_STAGE + 1) * maps.slice(0, -1).reduce((sum, map) => sum + map, 0);
  return encoder + decoder + classes * volume(patchSize);
}

/** What is known of data and device. */
export interface UnetProblem {
  readonly spacingMm: Triple;
  readonly medianVoxels: Triple;
  readonly trainingCases: number;
  readonly classes: number;
  readonly baseFeatures: number;
  /** nnU-Net's target: 8 GB is its default. */
  readonly memoryGb: number;
  /** More voxels than these a patch may not have, whatever the memory. */
  readonly mostVoxels: number;
}

/** Topology and batch. */
export interface UnetPlan {
  readonly topology: Topology;
  readonly features: readonly number[];
  readonly batchSize: number;
  /** {@link featureMapVoxels} of one patch, and what the device allows for two. */
  readonly estimate: number;
  readonly reference: number;
}

function firstPatch({ spacingMm, medianVoxels }: UnetProblem): Triple {
  // 256^3 voxels in the aspect of the spacing, never larger than the median image.
  const inverse = perAxis((axis) => 1 / spacingMm[axis]);
  const scale = Math.cbrt(256 ** 3 / volume(inverse));
  return perAxis((axis) => Math.min(Math.round(inverse[axis] * scale), medianVoxels[axis]));
}

/** Our axes in the order of nnU-Net's network: z, y, x, but the coarsest first (its `determine_transpose`). */
function nnunetOrder(spacingMm: Readonly<Triple>): (0 | 1 | 2)[] {
  const order = [2, 1, 0] as const;
  const coarsest = order.reduce((coarse, axis) => (spacingMm[axis] > spacingMm[coarse] ? axis : coarse));
  return [coarsest, ...order.filter((axis) => axis !== coarsest)];
}

/**
 * The patch with its largest axis (relative to the median image) made smaller by one step of its divisor; of equally large ones
 * the last in nnU-Net's order, x where z is the coarsest.
 */
function smaller({ patchSize, divisor }: Topology, { medianVoxels, spacingMm }: UnetProblem): Triple {
  const ratio = (axis: 0 | 1 | 2): number => patchSize[axis] / medianVoxels[axis];
  const axis = nnunetOrder(spacingMm).reduce((largest, each) => (ratio(each) >= ratio(largest) ? each : largest));
  // The divisor of the smaller patch may be less, and with it the step: 256 goes to 224, not to 192.
  const reduced = perAxis((other) => Math.max(1, patchSize[other] - (other === axis ? divisor[other] : 0)));
  const step = topologyOf(reduced, spacingMm).divisor[axis];
  return perAxis((other) => Math.max(1, patchSize[other] - (other === axis ? step : 0)));
}

/** Python's `round`: a half goes to the even neighbour. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}

function batchFor(problem: UnetProblem, patchSize: Triple, estimate: number, reference: number): number {
  const byMemory = roundHalfEven((reference / estimate) * REFERENCE_BATCH);
  const datasetVoxels = volume(problem.medianVoxels) * problem.trainingCases;
  const byData = roundHalfEven((datasetVoxels * DATASET_SHARE) / volume(patchSize));
  return Math.max(SMALLEST_BATCH, Math.min(byMemory, byData));
}

/** The largest patch whose network with two patches fits, and the batch that fills what is left. */
export function planUnet(problem: UnetProblem, given?: Readonly<Triple>): UnetPlan {
  const reference = REFERENCE_VOXELS * (problem.memoryGb / REFERENCE_GB);
  const measured = (topology: Topology) => {
    const features = featuresOf(topology.strides.length, problem.baseFeatures);
    return { topology, features, estimate: featureMapVoxels(topology, features, problem.classes) };
  };
  let plan = measured(topologyOf(given ?? firstPatch(problem), problem.spacingMm));
  const tooLarge = () => plan.estimate > reference || volume(plan.topology.patchSize) > problem.mostVoxels;
  while (given === undefined && tooLarge()) {
    const next = measured(topologyOf(smaller(plan.topology, problem), problem.spacingMm));
    if (volume(next.topology.patchSize) >= volume(plan.topology.patchSize)) break;
    plan = next;
  }
  return { ...plan, reference, batchSize: batchFor(problem, plan.topology.patchSize, plan.estimate, reference) };
}
