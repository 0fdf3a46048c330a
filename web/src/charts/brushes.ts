/** Parts of axes that are kept, by axis: from and to, 0 at the lowest value of the axis, 1 at the highest. */
export type Brushes = Readonly<Record<string, readonly [number, number]>>;

/** Brushes as an address holds them: "learningRate~0.25~0.8,dice~0.5~1". Axes' names have neither "," nor "~". */
export function brushesAsText(brushes: Brushes): string {
  return Object.entries(brushes)
    .map(([axis, [from, to]]) => `${axis}~${short(from)}~${short(to)}`)
    .join(',');
}

/** Reads {@link brushesAsText}; what is no brush is left out. */
export function brushesOf(text: string): Brushes {
  return Object.fromEntries(
    text.split(',').flatMap((part) => {
      const [axis = '', from, to] = part.split('~');
      const range = [Number(from), Number(to)] as const;
      return axis !== '' && to !== undefined && range.every(Number.isFinite) ? [[axis, ordered(range)]] : [];
    }),
  );
}

/** Brushes with one axis kept from `from` to `to`; an axis that is kept whole has none. */
export function brushed(brushes: Brushes, axis: string, range: readonly [number, number]): Brushes {
  const { [axis]: _, ...others } = brushes;
  const [from, to] = ordered(range);
  return from <= 0 && to >= 1 ? others : { ...others, [axis]: [Math.max(0, from), Math.min(1, to)] };
}

const ordered = ([a, b]: readonly [number, number]): readonly [number, number] => [Math.min(a, b), Math.max(a, b)];
const short = (value: number): string => String(Number(value.toFixed(3)));
