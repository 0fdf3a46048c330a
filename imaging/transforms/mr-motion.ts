import type { Vec3 } from '../volume.ts';
import { cropPatch } from './crop.ts';
import { centredIndex, realValuesOf, type Spectrum, spectrumOf } from './fourier.ts';
import { extent } from './intensity.ts';
import { inverse3, type Matrix3, product3, rotationAbout, times3 } from './matrix.ts';
import type { SpatialTransform } from './spatial.ts';

/*
 * A head that moves while an MR scanner reads k-space: TorchIO's Motion (Shaw et al. 2019).
 */

/** Where an image lies in the scanner. */
export interface ScannedGrid {
  readonly shape: Vec3;
  readonly spacingMm: Vec3;
  /** The array's axes in the world (RAS+): columns of length 1. */
  readonly axes: Matrix3;
  /** False for a patch cut out of a larger image: beyond it lies something, beyond a whole image nothing. */
  readonly whole: boolean;
}

/**
 * A head that lay otherwise from a share of the acquisition on. About and along the scanner's axes to the left, to the back
 * and up (TorchIO's, which are ITK's), whatever the array's axes: radians, about y first, then x, then z; millimetres.
 */
export interface Movement {
  readonly time: number;
  readonly rotate: Vec3;
  readonly translateMm: Vec3;
}

const Z = [2] as const;

/**
 * Motion while k-space is read along z: the spectrum is put together of those of the moved images, each for its share of
 * the acquisition. The position that held while the middle of k-space (the image's contrast) was read is the one without
 * movement, so that image and label stay aligned.
 */
export function motion(channel: Float32Array, grid: ScannedGrid, movements: readonly Movement[]): void {
  const { shape } = grid;
  const firsts = [0, ...movements.map(({ time }) => Math.floor(time * shape[2]))];
  const middle = firsts.reduce((last, first, i) => (first <= Math.floor(shape[2] / 2) ? i : last), 0);
  // Before the first movement the head lies as at the middle would, had it not moved: the two change places.
  const positions: (Movement | null)[] = [null, ...movements];
  positions[0] = positions[middle] ?? null;
  positions[middle] = null;
  const whole: Spectrum = { real: new Float64Array(channel.length), imaginary: new Float64Array(channel.length) };
  for (const [i, position] of positions.entries()) {
    const first = firsts[i] as number;
    const end = firsts[i + 1] ?? shape[2];
    if (first >= end) continue;
    const spectrum = spectrumOf(position === null ? channel : moved(channel, grid, position), shape, Z);
    copyPlanes(spectrum, whole, shape, (centred) => centred >= first && centred < end);
  }
  realValuesOf(whole, shape, Z, channel);
}

function moved(channel: Float32Array, grid: ScannedGrid, movement: Movement): Float32Array {
  const { shape, whole } = grid;
  const result = new Float32Array(channel.length);
  const nothing = new Uint8Array(0); // Labels stay where they are.
  const transform = movementInVoxels(grid, movement);
  const place = { volumeShape: shape, start: [0, 0, 0], size: shape } as const;
  cropPatch({ image: channel, channels: 1, classes: nothing }, place, transform, result, nothing);
  if (whole) fillBeyond(result, shape, transform, extent(channel).low);
  return result;
}

/** Where a voxel of the moved image is sampled, about the image's centre: ITK's Euler angles are Rz Rx Ry in LPS+. */
function movementInVoxels({ spacingMm, axes }: ScannedGrid, { rotate, translateMm }: Movement): SpatialTransform {
  const turnLps = product3(
    product3(rotationAbout(2, rotate[2]), rotationAbout(0, rotate[0])),
    rotationAbout(1, rotate[1]),
  );
  const turnRas = product3(product3(LPS_TO_RAS, turnLps), LPS_TO_RAS);
  const toWorld = product3(axes, [spacingMm[0], 0, 0, 0, spacingMm[1], 0, 0, 0, spacingMm[2]]);
  const toVoxels = inverse3(toWorld);
  return {
    linear: product3(product3(toVoxels, turnRas), toWorld),
    shiftVoxels: times3(toVoxels, times3(LPS_TO_RAS, translateMm)),
    field: null,
    padding: 'border',
  };
}

const LPS_TO_RAS: Matrix3 = [-1, 0, 0, 0, -1, 0, 0, 0, 1];

/** Writes the value wherever a transform looks beyond the outer edges of the border voxels. */
function fillBeyond(values: Float32Array, shape: Vec3, { linear, shiftVoxels }: SpatialTransform, value: number): void {
  const centre: Vec3 = [(shape[0] - 1) / 2, (shape[1] - 1) / 2, (shape[2] - 1) / 2];
  let i = 0;
  for (let x = 0; x < shape[0]; x++) {
    for (let y = 0; y < shape[1]; y++) {
      const row = times3(linear, [x - centre[0], y - centre[1], -centre[2]]);
      const startX = row[0] + shiftVoxels[0] + centre[0] + 0.5;
      const startY = row[1] + shiftVoxels[1] + centre[1] + 0.5;
      const startZ = row[2] + shiftVoxels[2] + centre[2] + 0.5;
      for (let z = 0; z < shape[2]; z++, i++) {
        const atX = startX + linear[2] * z;
        const atY = startY + linear[5] * z;
        const atZ = startZ + linear[8] * z;
        const inside = atX >= 0 && atX < shape[0] && atY >= 0 && atY < shape[1] && atZ >= 0 && atZ < shape[2];
        if (!inside) values[i] = value;
      }
    }
  }
}

/** Copies the planes of z frequencies for which `takes` says so; it is asked with the lowest frequency first. */
function copyPlanes(from: Spectrum, to: Spectrum, shape: Vec3, takes: (centred: number) => boolean): void {
  for (let z = 0; z < shape[2]; z++) {
    if (!takes(centredIndex(z, shape[2]))) continue;
    for (let i = z; i < from.real.length; i += shape[2]) {
      to.real[i] = from.real[i] as number;
      to.imaginary[i] = from.imaginary[i] as number;
    }
  }
}
