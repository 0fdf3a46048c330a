/** For tests: NIfTI files of any datatype, byte order and header, written independently of `nifti-write.ts`. */

/** Codes and bytes of the readable datatypes. */
export const DATATYPES = {
  uint8: [2, 1],
  int8: [256, 1],
  uint16: [512, 2],
  int16: [4, 2],
  uint32: [768, 4],
  int32: [8, 4],
  uint64: [1280, 8],
  int64: [1024, 8],
  float32: [16, 4],
  float64: [64, 8],
} as const;

/** Name of a readable datatype. */
export type Datatype = keyof typeof DATATYPES;

/** What a made-up NIfTI file holds; `values` in file order (x fastest). */
export interface MadeNifti {
  readonly dims: readonly number[];
  readonly values: readonly number[];
  readonly datatype: Datatype;
  readonly littleEndian?: boolean;
  readonly version?: 1 | 2;
  readonly pixdim?: readonly number[];
  readonly slope?: number;
  readonly intercept?: number;
  /** 12 numbers; sform_code is 0 without it. */
  readonly sform?: readonly number[];
  /** [b, c, d, x, y, z]; qform_code is 0 without it. */
  readonly qform?: readonly number[];
  readonly qformCode?: number;
}

/** The bytes of an uncompressed NIfTI file. */
export function makeNifti(made: MadeNifti): Uint8Array<ArrayBuffer> {
  const {
    dims,
    values,
    datatype,
    littleEndian = true,
    version = 1,
    pixdim = [1, 1, 1],
    slope = 0,
    intercept = 0,
  } = made;
  const [code, size] = DATATYPES[datatype];
  const offset = version === 1 ? 352 : 544;
  const bytes = new Uint8Array(offset + values.length * size);
  const view = new DataView(bytes.buffer);
  const real = (position: number, value: number): void =>
    version === 1 ? view.setFloat32(position, value, littleEndian) : view.setFloat64(position, value, littleEndian);
  const width = version === 1 ? 4 : 8;
  const codes = [made.qform === undefined ? 0 : (made.qformCode ?? 1), made.sform === undefined ? 0 : 1];
  const dimension = [dims.length, ...dims, 1, 1, 1, 1, 1, 1].slice(0, 8);
  view.setInt32(0, version === 1 ? 348 : 540, littleEndian);
  if (version === 1) {
    dimension.forEach((value, index) => view.setInt16(40 + index * 2, value, littleEndian));
    view.setInt16(70, code, littleEndian);
    view.setInt16(72, size * 8, littleEndian);
    real(108, offset);
    codes.forEach((value, index) => view.setInt16(252 + index * 2, value, littleEndian));
    bytes.set([0x6e, 0x2b, 0x31, 0], 344);
  } else {
    bytes.set([0x6e, 0x2b, 0x32, 0, 0x0d, 0x0a, 0x1a, 0x0a], 4);
    view.setInt16(12, code, littleEndian);
    view.setInt16(14, size * 8, littleEndian);
    dimension.forEach((value, index) => view.setBigInt64(16 + index * 8, BigInt(value), littleEndian));
    view.setBigInt64(168, BigInt(offset), littleEndian);
    codes.forEach((value, index) => view.setInt32(344 + index * 4, value, littleEndian));
  }
  const at =
    version === 1
      ? { pixdim: 76, scale: 112, qform: 256, sform: 280 }
      : { pixdim: 104, scale: 176, qform: 352, sform: 400 };
  [1, ...pixdim].forEach((value, index) => real(at.pixdim + index * width, value));
  [slope, intercept].forEach((value, index) => real(at.scale + index * width, value));
  made.qform?.forEach((value, index) => real(at.qform + index * width, value));
  made.sform?.forEach((value, index) => real(at.sform + index * width, value));
  values.forEach((value, index) => writeVoxel(view, offset + index * size, value, datatype, littleEndian));
  return bytes;
}

function writeVoxel(view: DataView, position: number, value: number, datatype: Datatype, littleEndian: boolean): void {
  if (datatype === 'uint8') view.setUint8(position, value);
  else if (datatype === 'int8') view.setInt8(position, value);
  else if (datatype === 'uint16') view.setUint16(position, value, littleEndian);
  else if (datatype === 'int16') view.setInt16(position, value, littleEndian);
  else if (datatype === 'uint32') view.setUint32(position, value, littleEndian);
  else if (datatype === 'int32') view.setInt32(position, value, littleEndian);
  else if (datatype === 'uint64') view.setBigUint64(position, BigInt(value), littleEndian);
  else if (datatype === 'int64') view.setBigInt64(position, BigInt(value), littleEndian);
  else if (datatype === 'float32') view.setFloat32(position, value, littleEndian);
  else view.setFloat64(position, value, littleEndian);
}
