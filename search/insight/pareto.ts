/*
 * Several objectives at once. All are losses: lower is better in each.
 */

/** True where `a` is nowhere worse than `b` and somewhere better. */
export function dominates(a: readonly number[], b: readonly number[]): boolean {
  return a.every((value, k) => value <= (b[k] as number)) && a.some((value, k) => value < (b[k] as number));
}

/** Indices of the points that no other dominates, ascending in the first objective; of equal points the first. */
export function paretoFront(points: readonly (readonly number[])[]): number[] {
  const same = (a: readonly number[], b: readonly number[]) => a.every((value, k) => value === b[k]);
  return points
    .map((_, i) => i)
    .filter((i) => {
      const own = points[i] as readonly number[];
      return !points.some((other, j) => dominates(other, own) || (j < i && same(other, own)));
    })
    .sort((a, b) => (points[a]?.[0] ?? 0) - (points[b]?.[0] ?? 0));
}

/**
 * The volume that points dominate up to a reference point (Zitzler and Thiele 1998), by slicing along the last objective
 * (While et al. 2006). Points beyond the reference in any objective count for nothing.
 */
export function hypervolume(points: readonly (readonly number[])[], reference: readonly number[]): number {
  const inside = points.filter((point) => point.every((value, k) => value < (reference[k] as number)));
  const front = paretoFront(inside).map((i) => inside[i] as readonly number[]);
  if (front.length === 0) return 0;
  const last = reference.length - 1;
  if (last === 0) return (reference[0] as number) - Math.min(...front.map((point) => point[0] as number));
  const sorted = [...front].sort((a, b) => (a[last] as number) - (b[last] as number));
  return sorted.reduce((sum, point, i) => {
    const depth = ((sorted[i + 1]?.[last] ?? reference[last]) as number) - (point[last] as number);
    const slice = sorted.slice(0, i + 1).map((each) => each.slice(0, last));
    return sum + depth * hypervolume(slice, reference.slice(0, last));
  }, 0);
}
