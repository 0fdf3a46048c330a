/** One compared part of a reference: `maxError` in the unit of the tolerance table of the references' README. */
export interface ParityRow {
  readonly part: string;
  readonly maxError: number;
  readonly tolerance: number;
  readonly ok: boolean;
}

/** A row that is ok where the error is a number within the tolerance. */
export function parityRow(part: string, maxError: number, tolerance: number): ParityRow {
  return { part, maxError, tolerance, ok: Number.isFinite(maxError) && maxError <= tolerance };
}
