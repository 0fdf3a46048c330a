import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { gzipSync } from 'node:zlib';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import {
  type Affine,
  affineAt,
  isVolume,
  type LabelData,
  type LabelMap,
  spacingOf,
  type Vec3,
  type Volume,
} from './volume.ts';

/** NIfTI-1: 348 bytes of header and 4 of "no extension". */
const VOXEL_OFFSET = 352;

/** NIfTI-1 keeps sizes in 16 signed bits. */
const LARGEST_SIZE = 32_767;

/** Columns count as orthogonal (so that a quaternion can say the same) up to this cosine. */
const ORTHOGONAL_TOLERANCE = 1e-5;

/**
 * Writes a NIfTI-1 file, gzipped where the name ends in .gz. The file appears whole or not at all.
 * Label maps keep their number type (uint8, uint16, int32), images are float32.
 */
export async function writeNifti(path: string, volume: LabelMap | Volume): Promise<void> {
  const bytes = encodeNifti(volume, path.toLowerCase().endsWith('.gz'));
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new VoxhelmError(
      'storage',
      `cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`,
      {
        fix: 'Check that the folder is writable and that the disk has room.',
        cause: error,
      },
    );
  }
}

/** The bytes of a NIfTI-1 file (little-endian); channels become the fourth axis. */
export function encodeNifti(volume: LabelMap | Volume, gzip: boolean): Uint8Array {
  const channels = isVolume(volume) ? volume.channels : 1;
  if ([...volume.shape, channels].some((size) => size < 1 || size > LARGEST_SIZE)) {
    throw new VoxhelmError('invalid-request', `NIfTI-1 cannot hold ${volume.shape.join(' x ')} voxels`, {
      fix: `Keep every size between 1 and ${LARGEST_SIZE}.`,
    });
  }
  const bytesPerVoxel = volume.data.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(VOXEL_OFFSET + volume.data.length * bytesPerVoxel);
  const view = new DataView(bytes.buffer);
  writeHeader(view, volume, channels);
  const length = volume.data.length;
  if (volume.data instanceof Float32Array)
    fileOrder(volume.data, new Float32Array(bytes.buffer, VOXEL_OFFSET, length), volume.shape);
  else if (volume.data instanceof Uint8Array)
    fileOrder(volume.data, new Uint8Array(bytes.buffer, VOXEL_OFFSET, length), volume.shape);
  else if (volume.data instanceof Uint16Array)
    fileOrder(volume.data, new Uint16Array(bytes.buffer, VOXEL_OFFSET, length), volume.shape);
  else fileOrder(volume.data, new Int32Array(bytes.buffer, VOXEL_OFFSET, length), volume.shape);
  return gzip ? gzipSync(bytes) : bytes;
}

/** From C-order (z fastest) to the file's (x fastest). */
function fileOrder<T extends Float32Array | LabelData>(source: T, target: T, shape: Vec3): void {
  const [sizeX, sizeY, sizeZ] = shape;
  let to = 0;
  for (let channelStart = 0; channelStart < source.length; channelStart += sizeX * sizeY * sizeZ) {
    for (let z = 0; z < sizeZ; z += 1) {
      for (let y = 0; y < sizeY; y += 1) {
        for (let x = 0; x < sizeX; x += 1) {
          target[to] = source[channelStart + (x * sizeY + y) * sizeZ + z] as number;
          to += 1;
        }
      }
    }
  }
}

/** Datatype codes of nifti1.h. */
function datatypeOf(data: Float32Array | LabelData): number {
  if (data instanceof Float32Array) return 16;
  if (data instanceof Uint8Array) return 2;
  return data instanceof Uint16Array ? 512 : 8;
}

function writeHeader(view: DataView, volume: LabelMap | Volume, channels: number): void {
  const spacingMm = spacingOf(volume.affine);
  const rotation = quaternionOf(volume.affine, spacingMm);
  view.setInt32(0, 348, true);
  const dims = [channels > 1 ? 4 : 3, ...volume.shape, channels, 1, 1, 1];
  dims.forEach((size, index) => view.setInt16(40 + index * 2, size, true));
  view.setInt16(70, datatypeOf(volume.data), true);
  view.setInt16(72, volume.data.BYTES_PER_ELEMENT * 8, true);
  const pixdim = [rotation?.qfac ?? 1, ...spacingMm, 1, 1, 1, 1];
  pixdim.forEach((size, index) => view.setFloat32(76 + index * 4, size, true));
  view.setFloat32(108, VOXEL_OFFSET, true);
  view.setFloat32(112, 1, true); // scl_slope; scl_inter stays 0
  view.setUint8(123, 2); // millimetres
  view.setInt16(252, rotation === null ? 0 : 1, true);
  view.setInt16(254, 1, true);
  if (rotation !== null) {
    rotation.quaternion.forEach((value, index) => view.setFloat32(256 + index * 4, value, true));
    [3, 7, 11].forEach((element, index) => view.setFloat32(268 + index * 4, volume.affine[element] ?? 0, true));
  }
  for (let index = 0; index < 12; index += 1) view.setFloat32(280 + index * 4, volume.affine[index] ?? 0, true);
  [0x6e, 0x2b, 0x31, 0].forEach((byte, index) => view.setUint8(344 + index, byte));
}

/** Unit quaternion [b, c, d] and qfac of an affine without shear; null where a quaternion cannot express it. */
function quaternionOf(affine: Affine, spacingMm: Vec3): { quaternion: Vec3; qfac: 1 | -1 } | null {
  if (spacingMm.some((size) => !(size > 0))) return null;
  const r = (row: number, column: number): number => affineAt(affine, row, column) / (spacingMm[column] ?? 1);
  const dot = (p: number, q: number): number => r(0, p) * r(0, q) + r(1, p) * r(1, q) + r(2, p) * r(2, q);
  if (Math.max(Math.abs(dot(0, 1)), Math.abs(dot(0, 2)), Math.abs(dot(1, 2))) > ORTHOGONAL_TOLERANCE) return null;
  const determinant =
    r(0, 0) * (r(1, 1) * r(2, 2) - r(1, 2) * r(2, 1)) -
    r(0, 1) * (r(1, 0) * r(2, 2) - r(1, 2) * r(2, 0)) +
    r(0, 2) * (r(1, 0) * r(2, 1) - r(1, 1) * r(2, 0));
  const qfac = determinant < 0 ? -1 : 1;
  const m = (row: number, column: number): number => r(row, column) * (column === 2 ? qfac : 1);
  return { quaternion: unitQuaternion(m), qfac };
}

/** nifti_mat44_to_quatern's four cases: divide by the largest component, so that nothing small is divided by. */
function unitQuaternion(m: (row: number, column: number) => number): Vec3 {
  const trace = m(0, 0) + m(1, 1) + m(2, 2) + 1;
  if (trace > 0.5) {
    const a = Math.sqrt(trace) / 2;
    return [(m(2, 1) - m(1, 2)) / (4 * a), (m(0, 2) - m(2, 0)) / (4 * a), (m(1, 0) - m(0, 1)) / (4 * a)];
  }
  const xx = 1 + m(0, 0) - m(1, 1) - m(2, 2);
  const yy = 1 + m(1, 1) - m(0, 0) - m(2, 2);
  const zz = 1 + m(2, 2) - m(0, 0) - m(1, 1);
  let [a, b, c, d] = [0, 0, 0, 0];
  if (xx >= yy && xx >= zz) {
    b = Math.sqrt(xx) / 2;
    [c, d, a] = [(m(0, 1) + m(1, 0)) / (4 * b), (m(0, 2) + m(2, 0)) / (4 * b), (m(2, 1) - m(1, 2)) / (4 * b)];
  } else if (yy >= zz) {
    c = Math.sqrt(yy) / 2;
    [b, d, a] = [(m(0, 1) + m(1, 0)) / (4 * c), (m(1, 2) + m(2, 1)) / (4 * c), (m(0, 2) - m(2, 0)) / (4 * c)];
  } else {
    d = Math.sqrt(zz) / 2;
    [b, c, a] = [(m(0, 2) + m(2, 0)) / (4 * d), (m(1, 2) + m(2, 1)) / (4 * d), (m(1, 0) - m(0, 1)) / (4 * d)];
  }
  return a < 0 ? [-b, -c, -d] : [b, c, d];
}
