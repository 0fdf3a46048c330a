/** Whether higher values are better. */
export type Direction = 'maximize' | 'minimize';

/** A value as a loss, and back: lower losses are better. */
export function lossOf(value: number, direction: Direction): number {
  return direction === 'maximize' ? -value : value;
}
