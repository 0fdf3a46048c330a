/** Where an axis is marked, and how each mark reads. */
export interface Tick {
  readonly at: number;
  readonly text: string;
}

/** Round numbers (1, 2 or 5 times a power of ten apart) within [low, high], about `wanted` of them, no two reading alike. */
export function ticksOf(low: number, high: number, wanted = 5, whole = false): Tick[] {
  const rough = (high - low) / wanted;
  if (!(rough > 0) || !Number.isFinite(rough)) return [{ at: low, text: shorten(low, Math.abs(low) / 100 || 1) }];
  const power = 10 ** Math.floor(Math.log10(rough));
  const found = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const step = whole ? Math.max(1, Math.round(found)) : found;
  const ticks: Tick[] = [];
  for (let count = Math.ceil(low / step - 1e-9); count * step <= high + step * 1e-9; count += 1) {
    ticks.push({ at: count * step, text: shorten(count * step, step) });
  }
  return ticks;
}

/** Thousands and millions by their letter, with the digits that a step needs: 5,200,000 is "5.2 M". */
function shorten(value: number, step: number): string {
  const [size, letter] = UNITS.find(([from]) => Math.abs(value) >= from) ?? [1, ''];
  const unit = letter === ' k' ? 1_000 : size;
  const digits = Math.max(0, Math.ceil(-Math.log10(step / unit) - 1e-9));
  const text = (value / unit).toFixed(digits);
  return `${digits > 0 && unit > 1 ? Number(text) : text}${letter}`;
}

const UNITS = [
  [1e9, ' G'],
  [1e6, ' M'],
  [1e4, ' k'],
] as const;
