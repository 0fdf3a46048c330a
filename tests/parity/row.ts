/** One line of a parity check: how far a part is from the reference, in the unit of ../shared/reference/README.md. */
export interface ParityRow {
  readonly part: string;
  /** Infinity where the two cannot be compared (a null against a number, another shape). */
  readonly maxError: number;
  readonly tolerance: number;
  readonly ok: boolean;
}

/** A row that is ok where the error is at most the tolerance; NaN never is. */
export function parityRow(part: string, maxError: number, tolerance: number): ParityRow {
  return { part, maxError, tolerance, ok: maxError <= tolerance };
}
