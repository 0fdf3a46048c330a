import type { Device } from '@voxhelm/contracts/plan';

/*
 * What every plan reckons with of its device.
 */

const GIB = 2 ** 30;
/** Auto3DSeg's and nnU-Net's memory figures are for half precision; single precision keeps feature maps of twice the size. */
const FLOAT32_SHARE = 0.5;

/** On a CPU 48^3 voxels with 16 filters take about a quarter of a second a step on two cores (foundations.md). */
const CPU_VOXELS = 48 ** 3;
/** Even for many classes a patch on a CPU is a cube of so many voxels along each axis: below it there is nothing to recognise. */
const SMALLEST_CPU_SIDE = 32;
/**
 * Auto3DSeg's rule for many classes begins above this: a step becomes slower, and its memory fuller, by the logits alone, which
 * nnU-Net's estimate is not made for either.
 */
export const MANY_CLASSES = 20;

/** GB of a device in the figures of Auto3DSeg and nnU-Net. */
export function referenceGb({ memoryBytes }: Device): number {
  return (memoryBytes / GIB) * FLOAT32_SHARE;
}

/** Voxels that a patch on a CPU may have for so many classes. */
export function cpuVoxels(classes: number): number {
  return Math.max(SMALLEST_CPU_SIDE ** 3, CPU_VOXELS * Math.min(1, MANY_CLASSES / classes));
}

/** A device for people, at the head of reasons. */
export function describeDevice({ kind, name, cores, memoryBytes }: Device): string {
  return kind === 'cpu' ? `CPU with ${cores} cores` : `${name} with ${(memoryBytes / GIB).toFixed(0)} GB`;
}
