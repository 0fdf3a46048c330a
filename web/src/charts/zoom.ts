/** A part of a chart's x axis. */
export type Span = readonly [from: number, to: number];

/** The part of the axis half as long around the same middle, or (`closer` false) twice; null where that is the whole axis. */
export function zoomed([from, to]: Span, whole: Span, closer: boolean): Span | null {
  const middle = (from + to) / 2;
  const half = ((to - from) / 2) * (closer ? 0.5 : 2);
  return within([middle - half, middle + half], whole);
}

/** The part moved by half its length, towards the end or the start of the axis. */
export function moved([from, to]: Span, whole: Span, later: boolean): Span | null {
  const step = ((to - from) / 2) * (later ? 1 : -1);
  return within([from + step, to + step], whole);
}

function within([from, to]: Span, [low, high]: Span): Span | null {
  const length = to - from;
  if (length >= high - low) return null;
  const start = Math.min(Math.max(from, low), high - length);
  return [start, start + length];
}
