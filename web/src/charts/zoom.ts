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

/** A part as the address has it, "120-480", in whole steps. */
export function spanText(span: Span | null): string {
  if (span === null) return '';
  const from = Math.max(0, Math.floor(span[0]));
  return `${from}-${Math.max(from + 1, Math.ceil(span[1]))}`;
}

/** The part that an address names; null where it names none. */
export function readSpan(text: string): Span | null {
  const [, from, to] = /^(\d{1,9})-(\d{1,9})$/.exec(text) ?? [];
  return from !== undefined && to !== undefined && Number(from) < Number(to) ? [Number(from), Number(to)] : null;
}

function within([from, to]: Span, [low, high]: Span): Span | null {
  const length = to - from;
  if (length >= high - low) return null;
  const start = Math.min(Math.max(from, low), high - length);
  return [start, start + length];
}
