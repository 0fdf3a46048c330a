/*
 * Numbers of other widths than those that tensors here have, made float32 or int32.
 */

/** Element types of checkpoint files. */
export type ElementType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL';

/** Bytes of an element. */
export const ELEMENT_BYTES: Readonly<Record<ElementType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** A half-precision number (IEEE 754 binary16) of its bits. */
export function halfToNumber(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const scratch = new DataView(new ArrayBuffer(4));

/** The number that is the upper half of a float32. */
export function bfloat16ToNumber(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

/** Reads element `index` of a type; what int64 holds must be a safe integer (RangeError). */
export function elementReader(view: DataView, type: ElementType): (index: number) => number {
  switch (type) {
    case 'F64':
      return (i) => view.getFloat64(8 * i, true);
    case 'F32':
      return (i) => view.getFloat32(4 * i, true);
    case 'F16':
      return (i) => halfToNumber(view.getUint16(2 * i, true));
    case 'BF16':
      return (i) => bfloat16ToNumber(view.getUint16(2 * i, true));
    case 'I64':
      return (i) => {
        const value = Number(view.getBigInt64(8 * i, true));
        if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is beyond the integers`);
        return value;
      };
    case 'I32':
      return (i) => view.getInt32(4 * i, true);
    case 'I16':
      return (i) => view.getInt16(2 * i, true);
    case 'I8':
      return (i) => view.getInt8(i);
    case 'U8':
    case 'BOOL':
      return (i) => view.getUint8(i);
  }
}

/** True where a type becomes float32; the others become int32. */
export function isFloat(type: ElementType): boolean {
  return type === 'F64' || type === 'F32' || type === 'F16' || type === 'BF16';
}
