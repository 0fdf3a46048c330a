/*
 * TensorFlow's data types by their number in its protocol (types.proto).
 */

/** 32-bit floating point. */
export const FLOAT = 1;
export const INT32 = 3;
export const BOOL = 10;
/** 8 bits of exponent as float32, 8 of precision; exists inside a program only, for tfjs does not know it. */
export const BFLOAT16 = 14;
export const RESOURCE = 20;

/** A number of types.proto. */
export type DataType = number;

/** True for the types that autocast may change into one another. */
export function isFloating(type: DataType): boolean {
  return type === FLOAT || type === BFLOAT16;
}

/** Sizes along each axis, all known. */
export type Shape = readonly number[];

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}
