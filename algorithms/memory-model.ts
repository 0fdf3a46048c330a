import type { AnalysisSummary } from '@voxhelm/contracts/analysis';
import type { Device, Plan } from '@voxhelm/contracts/plan';
import { axes, volume } from './axes.ts';
import { medianVoxels } from './spacing.ts';

/*
 * What a training takes of its device's memory, and how much of that there is for it. Pure; MB are 2^20 bytes, as the kernel
 * and NVIDIA's driver count.
 *
 *   peak = fixed + bytes of a voxel x voxels of all patches that are on the device at once
 *
 * Each algorithm has prior constants, measured on other machines (algorithms/<name>/memory.ts). They bound a plan before
 * anything is tried. The probe then trains a few steps; what these took corrects the model (corrected) for this device.
 */

/** The memory of one training's process, cases apart. */
export interface MemoryModel {
  /** The process, its programs, weights, gradients and moments. */
  readonly fixedMb: number;
  /** Feature maps and their gradients, by voxels of the patches at once. */
  readonly bytesPerVoxel: number;
  /** The same where `training.recompute` is "blocks"; absent where that saves too little for its time. */
  readonly recomputedBytesPerVoxel?: number;
}

/** Memory that one training may take, its cases apart. */
export interface MemoryRoom {
  readonly mb: number;
  /** For people: how it comes about. */
  readonly described: string;
}

/**
 * What was measured of a class of networks at one size, above {@link PROCESS_MB}: steps compiled in float32 on a CPU. The tables
 * in algorithms/<name>/memory.ts are of first steps; the constants are a sixth more, as later steps take (docs/performance.md).
 */
export interface MeasuredNetwork {
  /** Channels at full resolution, or a factor of them. */
  readonly width: number;
  /** Graph, session, kernels. */
  readonly programMb: number;
  /** Weights, their gradients and moments. */
  readonly weightsMb: number;
  /** Feature maps and their gradients. */
  readonly bytesPerVoxel: number;
  /** The same with blocks computed again for the gradient; absent where that saves next to nothing. */
  readonly recomputedBytesPerVoxel?: number;
}

/** How much larger a network is than the measured one. */
export interface NetworkSize {
  readonly width: number;
  /** Blocks of it for one of the measured network's. */
  readonly deeper?: number;
  /** What its weights grow by beside that. */
  readonly heavier?: number;
}

const MB = 2 ** 20;

/**
 * A trainer's process: TensorFlow loaded and the networks' code (426 MB resident), its threads, and what the precision that was
 * tried first leaves behind. With it the model says 884, 941, 1,135 and 1,056 MB for the sample's plans of segresnet, unet,
 * swinunetr and dints on two cores, whose probes took 886, 939, 1,034 and 1,072 (ProbeResult.memory, 25 November 2026).
 */
const PROCESS_MB = 580;
/** Logits, their gradients and the loss, of each voxel and class: SegResNet 16 at 48^3 took 278 MB for 3 classes, 337 for 25. */
const BYTES_PER_VOXEL_AND_CLASS = 25;
/** What estimates and other processes may be off by, as a share of the device: a training that fills it is killed by the next page. */
const SPARE_SHARE = 0.15;
/**
 * A machine that trains on its CPU runs the service as well: API 393, orchestrator 265, Temporal 231, PostgreSQL 200, trainer
 * 133, `up` 128 and their compilers 65 MB (`ps -eo rss,args` while a run trained, 25 November 2026).
 */
const SERVICE_MB = 1_500;

/** The model of a network of a size: weights grow with the width's square, feature maps in step with it. */
export function modelOf(measured: MeasuredNetwork, size: NetworkSize, classes: number): MemoryModel {
  const { width, deeper = 1, heavier = 1 } = size;
  const wider = width / measured.width;
  const ofVoxel = (measuredBytes: number): number =>
    deeper * measuredBytes * wider + BYTES_PER_VOXEL_AND_CLASS * classes;
  const { recomputedBytesPerVoxel: recomputed } = measured;
  return {
    fixedMb: PROCESS_MB + deeper * (measured.programMb + measured.weightsMb * heavier * wider ** 2),
    bytesPerVoxel: ofVoxel(measured.bytesPerVoxel),
    ...(recomputed === undefined ? {} : { recomputedBytesPerVoxel: ofVoxel(recomputed) }),
  };
}

/** A number among a network's options, which may be the user's; the standard where it is none (networkOf refuses it later). */
export function numberIn(options: Plan['network']['options'], name: string, standard: number): number {
  const value = options[name];
  return typeof value === 'number' && value > 0 ? value : standard;
}

/** The bytes of a voxel in a plan's training. */
function bytesPerVoxelOf({ bytesPerVoxel, recomputedBytesPerVoxel }: MemoryModel, { training }: Plan): number {
  return training.recompute === 'blocks' ? (recomputedBytesPerVoxel ?? bytesPerVoxel) : bytesPerVoxel;
}

/** The model with so many times the bytes of a voxel. */
function scaledVoxels(model: MemoryModel, factor: number): Omit<MemoryModel, 'fixedMb'> {
  const { bytesPerVoxel, recomputedBytesPerVoxel: recomputed } = model;
  return {
    bytesPerVoxel: factor * bytesPerVoxel,
    ...(recomputed === undefined ? {} : { recomputedBytesPerVoxel: factor * recomputed }),
  };
}

/** The most that a plan's training takes (MB), its cases apart. */
export function peakMb(model: MemoryModel, plan: Plan): number {
  return model.fixedMb + (bytesPerVoxelOf(model, plan) * plan.batchSize * volume(plan.patchSize)) / MB;
}

/**
 * The model so that it goes through what a plan's steps were measured to take (MB, cases apart). What they took more is put down
 * to their voxels, for program and weights are the surer part; where they took less, all of it is less.
 */
export function corrected(model: MemoryModel, plan: Plan, measuredMb: number): MemoryModel {
  const factor = Math.max(0, measuredMb) / peakMb(model, plan);
  if (factor <= 1) return { fixedMb: factor * model.fixedMb, ...scaledVoxels(model, factor) };
  const perVoxel = ((measuredMb - model.fixedMb) * MB) / (plan.batchSize * volume(plan.patchSize));
  return { fixedMb: model.fixedMb, ...scaledVoxels(model, perVoxel / bytesPerVoxelOf(model, plan)) };
}

/** So many cases in memory (MB), as a trainer keeps them: float32 channels, the class of each voxel, and each class's voxels. */
export function casesMb(plan: Plan, summary: AnalysisSummary, cases: number): number {
  const spacingMm = plan.preprocessing.spacingMm ?? axes(summary.image_stats.spacing, 'median');
  return (cases * volume(medianVoxels(summary, spacingMm)) * (4 * plan.modalities.length + 1 + 4)) / MB;
}

/**
 * The room on a device that so many trainings use at once. On a CPU it is the machine's own memory, which the service and each
 * training's cases lie in as well.
 */
export function memoryRoom(device: Device, trainings: number, ownCasesMb: number): MemoryRoom {
  const deviceMb = device.memoryBytes / MB;
  const used = (1 - SPARE_SHARE) * deviceMb;
  if (device.kind !== 'cpu') return { mb: used, described: `${mbs(used)} of ${mbs(deviceMb)} on ${device.name}` };
  const mb = Math.max(0, (used - SERVICE_MB) / trainings - ownCasesMb);
  const shared = trainings === 1 ? '' : `, which ${trainings} trainers share`;
  return { mb, described: `${mbs(mb)} beside service and cases, of ${mbs(deviceMb)} on ${device.name}${shared}` };
}

/** A number of MB for people. */
export function mbs(mb: number): string {
  return `${Math.round(mb)} MB`;
}
