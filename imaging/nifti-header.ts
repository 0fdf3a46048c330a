import { VoxhelmError } from '@voxhelm/contracts/errors';
import { readHeader } from 'nifti-reader-js';
import type { Affine, Vec3 } from './volume.ts';

/** Bytes of a NIfTI-1 and of a NIfTI-2 header, which are also the first number in the file. */
const NIFTI1_HEADER_BYTES = 348;
const NIFTI2_HEADER_BYTES = 540;

/** The most bytes a header of either version needs. */
export const LARGEST_HEADER_BYTES = NIFTI2_HEADER_BYTES;

/** More voxels than this in one file is taken for a damaged header: 2^31 float32 are 8 GiB. */
const LARGEST_VOXEL_COUNT = 2 ** 31;

/** Where the world coordinates came from, in the order in which they are trusted. */
export type AffineSource = 'sform' | 'qform' | 'pixdim';

/** Number types of voxels that can be read, with their bytes. */
export type VoxelType =
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'uint32'
  | 'int32'
  | 'uint64'
  | 'int64'
  | 'float32'
  | 'float64';

/** What a NIfTI file says about itself, checked: all numbers are finite and sizes fit together. */
export interface NiftiHeader {
  readonly littleEndian: boolean;
  readonly shape: Vec3;
  readonly channels: number;
  readonly voxelType: VoxelType;
  readonly bytesPerVoxel: number;
  /** First byte of the voxels in the (uncompressed) file. */
  readonly voxelOffset: number;
  /** value = stored * slope + intercept; 1 and 0 where the file is not scaled. */
  readonly slope: number;
  readonly intercept: number;
  readonly affine: Affine;
  readonly affineSource: AffineSource;
  /** Largest absolute difference between sform and qform where both are set, else null. */
  readonly formDifference: number | null;
}

/** Codes of NIfTI's datatypes (nifti1.h): the readable ones and, by name, those that hold no plain number. */
const READABLE: ReadonlyMap<number, readonly [VoxelType, number]> = new Map([
  [2, ['uint8', 1]],
  [4, ['int16', 2]],
  [8, ['int32', 4]],
  [16, ['float32', 4]],
  [64, ['float64', 8]],
  [256, ['int8', 1]],
  [512, ['uint16', 2]],
  [768, ['uint32', 4]],
  [1024, ['int64', 8]],
  [1280, ['uint64', 8]],
]);
const REFUSED: ReadonlyMap<number, string> = new Map([
  [1, 'binary (1 bit)'],
  [32, 'complex64'],
  [128, 'RGB24'],
  [1536, 'float128'],
  [1792, 'complex128'],
  [2048, 'complex256'],
  [2304, 'RGBA32'],
]);

/** The error for a file that is no readable NIfTI image; `name` is the file as the user knows it. */
export function badImage(
  name: string,
  problem: string,
  fix: string,
  details: Record<string, unknown> = {},
): VoxhelmError {
  return new VoxhelmError('bad-image', `${name}: ${problem}`, { fix, details: { file: name, ...details } });
}

/**
 * Reads and checks a NIfTI-1 or NIfTI-2 header, either byte order.
 * `bytes` is the start of the uncompressed file; throws `bad-image` naming `name`.
 */
export function parseHeader(bytes: Uint8Array, name: string): NiftiHeader {
  const headerBytes = headerLength(bytes, name);
  // Only the header itself is handed over: the library walks extension chains, which a damaged file can make endless.
  const raw = new Uint8Array(bytes.subarray(0, headerBytes)).buffer;
  const header = parseWithLibrary(raw, name);
  const view = new DataView(raw);
  const { shape, channels } = readDimensions(header.dims, name);
  const [voxelType, bytesPerVoxel] = readVoxelType(header.datatypeCode, header.numBitsPerVoxel, name);
  const voxelOffset = readVoxelOffset(header.vox_offset, headerBytes, name);
  const forms = readForms(header, view, headerBytes);
  if (!forms.affine.every(Number.isFinite)) {
    throw badImage(
      name,
      `its ${forms.affineSource} holds numbers that are not finite`,
      'Export it again with a valid affine.',
    );
  }
  return {
    littleEndian: header.littleEndian,
    shape,
    channels,
    voxelType,
    bytesPerVoxel,
    voxelOffset,
    ...readScaling(header.scl_slope, header.scl_inter),
    ...forms,
  };
}

/** Bytes of the voxels of one file. */
export function voxelBytes(header: NiftiHeader): number {
  return header.shape[0] * header.shape[1] * header.shape[2] * header.channels * header.bytesPerVoxel;
}

function headerLength(bytes: Uint8Array, name: string): number {
  const notNifti = (problem: string): VoxhelmError =>
    badImage(name, problem, 'Give a NIfTI file (.nii or .nii.gz); convert DICOM with dcm2niix.');
  if (bytes.byteLength < NIFTI1_HEADER_BYTES) {
    throw notNifti(
      `has ${bytes.byteLength} bytes, a NIfTI header has ${NIFTI1_HEADER_BYTES}; the file is truncated or no NIfTI`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sizes = [view.getInt32(0, true), view.getInt32(0, false)];
  const magic1 = String.fromCharCode(...bytes.subarray(344, 347));
  const magic2 = String.fromCharCode(...bytes.subarray(4, 7));
  if (sizes.includes(NIFTI1_HEADER_BYTES)) {
    if (magic1 === 'n+1') return NIFTI1_HEADER_BYTES;
    if (magic1 === 'ni1') throw notNifti('is one half of a NIfTI .hdr/.img pair, which is not read');
    throw notNifti('has no NIfTI magic ("n+1"); it may be an ANALYZE 7.5 file');
  }
  if (sizes.includes(NIFTI2_HEADER_BYTES)) {
    if (magic2 !== 'n+2') throw notNifti('has no NIfTI-2 magic ("n+2")');
    if (bytes.byteLength < NIFTI2_HEADER_BYTES) throw notNifti('is truncated inside its header');
    return NIFTI2_HEADER_BYTES;
  }
  throw notNifti(`does not begin like a NIfTI file (its first number is ${sizes[0]}, not 348 or 540)`);
}

function parseWithLibrary(raw: ArrayBuffer, name: string): ReturnType<typeof readHeader> {
  try {
    return readHeader(raw);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw badImage(name, `its header cannot be read (${reason})`, 'Export the image again.');
  }
}

function readDimensions(dims: readonly number[], name: string): { shape: Vec3; channels: number } {
  const rank = dims[0] ?? 0;
  const wrong = (problem: string): VoxhelmError =>
    badImage(name, problem, 'Give a 3-D image, or a 4-D image whose fourth axis is the channels.', { dims: [...dims] });
  if (!(rank >= 1 && rank <= 7)) throw wrong(`has dim[0] = ${rank}; the header is damaged`);
  if (rank < 3) throw wrong(`is ${rank}-D, not 3-D`);
  const sizes = dims.slice(1, rank + 1);
  if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 1)) throw wrong(`has the size ${sizes.join(' x ')}`);
  if (sizes.reduce((product, size) => product * size, 1) > LARGEST_VOXEL_COUNT) {
    throw wrong(`claims ${sizes.join(' x ')} voxels, more than can be read; the header is damaged`);
  }
  const [x = 0, y = 0, z = 0, ...rest] = sizes;
  const channelAxes = rest.filter((size) => size > 1);
  if (channelAxes.length > 1) throw wrong(`has several axes beyond the third: ${sizes.join(' x ')}`);
  return { shape: [x, y, z], channels: channelAxes[0] ?? 1 };
}

function readVoxelType(code: number, bits: number, name: string): readonly [VoxelType, number] {
  const readable = READABLE.get(code);
  if (readable === undefined) {
    const known = REFUSED.get(code);
    throw badImage(
      name,
      known === undefined ? `has the unknown datatype ${code}` : `has the datatype ${known}, which is no plain number`,
      'Convert it to an integer or floating-point type.',
      { datatype: code },
    );
  }
  if (bits !== readable[1] * 8) {
    throw badImage(name, `says ${bits} bits per voxel, but ${readable[0]} has ${readable[1] * 8}`, 'Export it again.');
  }
  return readable;
}

function readVoxelOffset(offset: number, headerBytes: number, name: string): number {
  // Some writers leave 0 where they mean "right after the header"; the data cannot begin before its four flag bytes.
  const effective = offset === 0 ? headerBytes + 4 : offset;
  if (!Number.isSafeInteger(effective) || effective < headerBytes) {
    throw badImage(name, `has vox_offset ${offset}, which lies inside the header or is no byte`, 'Export it again.');
  }
  return effective;
}

/** nifti1.h: a slope of 0 means that the voxels are not scaled. Slopes that are not finite are treated likewise, as nibabel does. */
function readScaling(slope: number, intercept: number): { slope: number; intercept: number } {
  if (slope === 0 || !Number.isFinite(slope)) return { slope: 1, intercept: 0 };
  return { slope, intercept: Number.isFinite(intercept) ? intercept : 0 };
}

interface Forms {
  readonly affine: Affine;
  readonly affineSource: AffineSource;
  readonly formDifference: number | null;
}

/** sform before qform before voxel sizes alone. The library picks by another rule, so the rows are read here. */
function readForms(header: ReturnType<typeof readHeader>, view: DataView, headerBytes: number): Forms {
  const sform = header.sform_code > 0 ? readSform(view, headerBytes, header.littleEndian) : null;
  const qform = header.qform_code > 0 ? readQform(header) : null;
  const formDifference =
    sform === null || qform === null
      ? null
      : sform.reduce((largest, value, index) => Math.max(largest, Math.abs(value - (qform[index] ?? 0))), 0);
  if (sform !== null) return { affine: sform, affineSource: 'sform', formDifference };
  if (qform !== null) return { affine: qform, affineSource: 'qform', formDifference };
  const size = (axis: number): number => Math.abs(header.pixDims[axis] ?? 0) || 1;
  const affine = [size(1), 0, 0, 0, 0, size(2), 0, 0, 0, 0, size(3), 0, 0, 0, 0, 1];
  return { affine, affineSource: 'pixdim', formDifference };
}

function readSform(view: DataView, headerBytes: number, littleEndian: boolean): Affine {
  const rows = Array.from({ length: 12 }, (_, index) =>
    headerBytes === NIFTI1_HEADER_BYTES
      ? view.getFloat32(280 + index * 4, littleEndian)
      : view.getFloat64(400 + index * 8, littleEndian),
  );
  return [...rows, 0, 0, 0, 1];
}

/** Method 2 of nifti1.h: rotation by a unit quaternion, voxel sizes, and qfac = -1 for left-handed grids. */
function readQform(header: ReturnType<typeof readHeader>): Affine {
  let [b, c, d] = [header.quatern_b, header.quatern_c, header.quatern_d];
  const squared = b * b + c * c + d * d;
  let a = Math.sqrt(Math.max(0, 1 - squared));
  if (squared > 1) {
    // Rounding of a half turn: nifti1_io.c scales back to a unit quaternion.
    const norm = Math.sqrt(squared);
    [a, b, c, d] = [0, b / norm, c / norm, d / norm];
  }
  const qfac = (header.pixDims[0] ?? 1) < 0 ? -1 : 1;
  const size = (axis: number): number => Math.abs(header.pixDims[axis] ?? 0) || 1;
  const [x, y, z] = [size(1), size(2), size(3) * qfac];
  return [
    (a * a + b * b - c * c - d * d) * x,
    2 * (b * c - a * d) * y,
    2 * (b * d + a * c) * z,
    header.qoffset_x,
    2 * (b * c + a * d) * x,
    (a * a + c * c - b * b - d * d) * y,
    2 * (c * d - a * b) * z,
    header.qoffset_y,
    2 * (b * d - a * c) * x,
    2 * (c * d + a * b) * y,
    (a * a + d * d - b * b - c * c) * z,
    header.qoffset_z,
    0,
    0,
    0,
    1,
  ];
}
