import { gunzipSync, constants as zlibConstants } from 'node:zlib';
import { badImage, LARGEST_HEADER_BYTES, type NiftiHeader, parseHeader, voxelBytes } from './nifti-header.ts';
import type { LabelData, LabelMap, Vec3, Volume } from './volume.ts';

/** Deflate cannot do better than 1032 : 1 (zlib's own figure), so a header that claims more is lying. */
const LARGEST_DEFLATE_RATIO = 1032;

/** The most that may lie between header and voxels of a compressed file: extensions hold text and tables, not images. */
const LARGEST_EXTENSION_BYTES = 16 * 2 ** 20;

/** Bytes after the voxels that are tolerated: some writers pad. */
const TOLERATED_TAIL_BYTES = 65_536;

/** A NIfTI file in memory, uncompressed and checked, its voxels not yet decoded. */
export interface NiftiFile {
  /** As the user knows it; for messages. */
  readonly name: string;
  readonly header: NiftiHeader;
  /** The voxels as they are in the file: x fastest, in the file's byte order. */
  readonly voxels: Uint8Array;
}

type Stored =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** Uncompresses (by content, not by name) and checks a NIfTI file; throws `bad-image`. */
export function openNifti(bytes: Uint8Array, name: string): NiftiFile {
  const compressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const start = compressed ? inflateStart(bytes, name) : bytes;
  const header = parseHeader(start, name);
  const end = header.voxelOffset + voxelBytes(header);
  if (compressed && header.voxelOffset > LARGEST_EXTENSION_BYTES) {
    throw badImage(
      name,
      `is longer than its header says: ${voxelBytes(header)} bytes of voxels, but they begin at byte ${header.voxelOffset} (vox_offset)`,
      'Export the image again.',
      { voxelOffset: header.voxelOffset },
    );
  }
  const content = compressed ? inflateAll(bytes, end, name) : bytes;
  if (content.byteLength < end) {
    throw badImage(
      name,
      `is truncated: ${content.byteLength} bytes, its header promises ${end}`,
      'Copy or download the file again.',
      { bytes: content.byteLength, expectedBytes: end },
    );
  }
  return { name, header, voxels: content.subarray(header.voxelOffset, end) };
}

/** Decodes intensities, with scaling: [channel][x][y][z], z fastest. */
export function decodeVolume(file: NiftiFile): Volume {
  const { header } = file;
  const stored = storedNumbers(file);
  const data = new Float32Array(stored.length);
  toCOrder(stored, data, header.shape, header.channels);
  if (header.slope !== 1 || header.intercept !== 0) {
    const { slope, intercept } = header;
    for (let index = 0; index < data.length; index += 1) data[index] = (data[index] ?? 0) * slope + intercept;
  }
  return { shape: header.shape, channels: header.channels, data, affine: header.affine };
}

/** Decodes label values; throws `bad-image` with `details.reason` where they are not whole or there are several channels. */
export function decodeLabel(file: NiftiFile): LabelMap {
  const { header, name } = file;
  if (header.channels !== 1) {
    throw badImage(name, `has ${header.channels} channels, a label map has one`, 'Give one label value per voxel.', {
      reason: 'channels',
    });
  }
  const stored = scaled(storedNumbers(file), header);
  const { low, high } = wholeRange(stored, name);
  const data: LabelData =
    low >= 0 && high <= 255
      ? new Uint8Array(stored.length)
      : low >= 0 && high <= 65_535
        ? new Uint16Array(stored.length)
        : new Int32Array(stored.length);
  toCOrder(stored, data, header.shape, 1);
  return { shape: header.shape, data, affine: header.affine };
}

function scaled(stored: Stored, header: NiftiHeader): Stored {
  if (header.slope === 1 && header.intercept === 0) return stored;
  return Float64Array.from(stored, (value) => value * header.slope + header.intercept);
}

function wholeRange(values: Stored, name: string): { low: number; high: number } {
  const fractional = values instanceof Float32Array || values instanceof Float64Array;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] ?? 0;
    if (fractional && !Number.isInteger(value)) {
      throw badImage(name, `holds the label value ${value}, which is not whole`, 'Save labels without interpolation.', {
        reason: 'not-whole',
        value: String(value),
      });
    }
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low < -(2 ** 31) || high >= 2 ** 31) {
    throw badImage(name, `holds label values from ${low} to ${high}`, 'Use label values below 65536.', {
      reason: 'not-whole',
      value: String(high),
    });
  }
  return { low, high };
}

/** The first bytes of a gzip file, enough for any header; a bomb costs two megabytes at most. */
function inflateStart(bytes: Uint8Array, name: string): Uint8Array {
  for (const prefixBytes of [2048, 65_536]) {
    const start = inflate(bytes.subarray(0, prefixBytes), name, {
      finishFlush: zlibConstants.Z_SYNC_FLUSH,
      maxOutputLength: 65_536 * LARGEST_DEFLATE_RATIO,
    });
    if (start.byteLength >= LARGEST_HEADER_BYTES || prefixBytes >= bytes.byteLength) return start;
  }
  throw badImage(name, 'is a gzip file without content', 'Copy or download the file again.');
}

function inflateAll(bytes: Uint8Array, expectedBytes: number, name: string): Uint8Array {
  if (expectedBytes > bytes.byteLength * LARGEST_DEFLATE_RATIO + TOLERATED_TAIL_BYTES) {
    throw badImage(
      name,
      `is truncated: its header promises ${expectedBytes} bytes, ${bytes.byteLength} compressed bytes cannot hold them`,
      'Copy or download the file again.',
    );
  }
  // One chunk of the expected size: the output is neither grown nor copied.
  return inflate(bytes, name, {
    chunkSize: Math.max(64, expectedBytes + 64),
    maxOutputLength: expectedBytes + TOLERATED_TAIL_BYTES,
  });
}

function inflate(bytes: Uint8Array, name: string, options: Parameters<typeof gunzipSync>[1]): Uint8Array {
  try {
    return gunzipSync(bytes, options);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const tooLong = error instanceof RangeError;
    throw badImage(
      name,
      tooLong ? 'is longer than its header says' : `has a damaged or truncated gzip stream (${reason})`,
      'Copy or download the file again.',
    );
  }
}

/** The voxels as a typed array in this machine's byte order. 64-bit integers become doubles (exact to 2^53). */
function storedNumbers(file: NiftiFile): Stored {
  const { header } = file;
  const bytes = nativeBytes(file.voxels, header);
  const { buffer, byteOffset } = bytes;
  const length = bytes.byteLength / header.bytesPerVoxel;
  switch (header.voxelType) {
    case 'uint8':
      return new Uint8Array(buffer, byteOffset, length);
    case 'int8':
      return new Int8Array(buffer, byteOffset, length);
    case 'uint16':
      return new Uint16Array(buffer, byteOffset, length);
    case 'int16':
      return new Int16Array(buffer, byteOffset, length);
    case 'uint32':
      return new Uint32Array(buffer, byteOffset, length);
    case 'int32':
      return new Int32Array(buffer, byteOffset, length);
    case 'float32':
      return new Float32Array(buffer, byteOffset, length);
    case 'float64':
      return new Float64Array(buffer, byteOffset, length);
    case 'int64':
      return Float64Array.from(new BigInt64Array(buffer, byteOffset, length), Number);
    case 'uint64':
      return Float64Array.from(new BigUint64Array(buffer, byteOffset, length), Number);
  }
}

/** Aligned to the voxel size and little-endian (as every machine that Node runs on today but s390x; see `hostIsLittle`). */
function nativeBytes(voxels: Uint8Array, header: NiftiHeader): Uint8Array {
  const size = header.bytesPerVoxel;
  const swap = size > 1 && header.littleEndian !== HOST_IS_LITTLE_ENDIAN;
  if (!swap && voxels.byteOffset % size === 0) return voxels;
  const copy = Buffer.from(new Uint8Array(voxels).buffer);
  if (!swap) return copy;
  if (size === 2) return copy.swap16();
  return size === 4 ? copy.swap32() : copy.swap64();
}

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Rows and columns of a block of the transposition: 32 x 32 float32 on both sides fit the first-level cache. */
const BLOCK = 32;

/** From the file's order (x fastest) to C-order (z fastest), channel by channel. */
function toCOrder(source: Stored, target: Float32Array | LabelData, shape: Vec3, channels: number): void {
  const [sizeX, sizeY, sizeZ] = shape;
  const voxels = sizeX * sizeY * sizeZ;
  for (let channel = 0; channel < channels; channel += 1) {
    for (let y = 0; y < sizeY; y += 1) {
      for (let startX = 0; startX < sizeX; startX += BLOCK) {
        const endX = Math.min(sizeX, startX + BLOCK);
        for (let startZ = 0; startZ < sizeZ; startZ += BLOCK) {
          const endZ = Math.min(sizeZ, startZ + BLOCK);
          for (let x = startX; x < endX; x += 1) {
            let from = channel * voxels + (startZ * sizeY + y) * sizeX + x;
            let to = channel * voxels + (x * sizeY + y) * sizeZ + startZ;
            for (let z = startZ; z < endZ; z += 1) {
              target[to] = source[from] as number;
              to += 1;
              from += sizeX * sizeY;
            }
          }
        }
      }
    }
  }
}
