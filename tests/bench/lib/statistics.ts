/** The middle value (the mean of the two in the middle of an even number). NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[(sorted.length >> 1) - 1] ?? Number.NaN)) / 2;
}

/** A number with as many digits as a timing is worth: three that count. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
