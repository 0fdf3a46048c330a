/** A fraction as the field writes Dice: three decimals; an en dash where there is none. */
export function formatScore(value: number | null | undefined): string {
  return value === null || value === undefined ? '\u2013' : value.toFixed(3);
}

/** Millimetres with two decimals; an en dash where there is none. */
export function formatMm(value: number | null | undefined): string {
  return value === null || value === undefined ? '\u2013' : value.toFixed(2);
}

/** A number for an axis: no more digits than it needs. */
export function formatTick(value: number): string {
  if (value !== 0 && Math.abs(value) < 1e-3) return value.toExponential(0);
  return String(Number(value.toPrecision(6)));
}
