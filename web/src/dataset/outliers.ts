interface Measured {
  readonly caseId: string;
  readonly shape: readonly number[] | null;
  readonly spacingMm: readonly number[] | null;
}

/** Half a dozen cases are too few to say what is usual. */
const FEWEST_CASES = 6;
/** Tukey's fences: beyond three times the interquartile range is far out. */
const FENCE = 3;

/** What is unusual about a case, by case id: a size or spacing far from the others' (Tukey 1977). */
export function outliersOf(cases: readonly Measured[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const measures = [0, 1, 2].flatMap((axis) => [
    { name: `size ${'xyz'[axis]}`, unit: 'voxels', of: (one: Measured) => one.shape?.[axis] ?? null },
    { name: `spacing ${'xyz'[axis]}`, unit: 'mm', of: (one: Measured) => one.spacingMm?.[axis] ?? null },
  ]);
  for (const { name, unit, of } of measures) {
    const values = cases.flatMap((one) => of(one) ?? []).sort((a, b) => a - b);
    if (values.length < FEWEST_CASES) continue;
    const [q1, median, q3] = [0.25, 0.5, 0.75].map(
      (part) => values[Math.floor(part * (values.length - 1))] as number,
    ) as [number, number, number];
    // Where most are equal the range is 0: then a tenth of the median is far enough.
    const range = Math.max(q3 - q1, Math.abs(median) / 30);
    for (const one of cases) {
      const value = of(one);
      if (value === null || (value >= q1 - FENCE * range && value <= q3 + FENCE * range)) continue;
      const text = `${name} ${Number(value.toPrecision(3))} ${unit}, usual ${Number(median.toPrecision(3))}`;
      found.set(one.caseId, [...(found.get(one.caseId) ?? []), text]);
    }
  }
  return found;
}
