import { dot } from './matrix.ts';

/** A function to minimise: returns its value at x and writes its gradient; Infinity where it does not exist. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

/** Steps that the quasi-Newton model remembers. */
const MEMORY = 8;
const ARMIJO = 1e-4;

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly curvature: number;
}

/** The two-loop recursion of L-BFGS (Nocedal 1980): minus the inverse Hessian's estimate times the gradient. */
function direction(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const q = gradient.slice();
  const weights: number[] = [];
  for (let i = pairs.length - 1; i >= 0; i--) {
    const { step, change, curvature } = pairs[i] as Pair;
    const weight = dot(step, q) / curvature;
    weights[i] = weight;
    for (let k = 0; k < q.length; k++) q[k] = (q[k] as number) - weight * (change[k] as number);
  }
  const last = pairs.at(-1);
  const scale = last === undefined ? 1 : last.curvature / dot(last.change, last.change);
  for (let k = 0; k < q.length; k++) q[k] = (q[k] as number) * scale;
  pairs.forEach(({ step, change, curvature }, i) => {
    const weight = (weights[i] as number) - dot(change, q) / curvature;
    for (let k = 0; k < q.length; k++) q[k] = (q[k] as number) + weight * (step[k] as number);
  });
  return q.map((value) => -value);
}

/**
 * Minimises inside a box from `start` by projected L-BFGS: coordinates that press against their bound are left out of the
 * model's step. Ends after `evaluations` evaluations, or where no step helps or one gains less than `tolerance` (absent: a
 * 1e-7th of the value). `start` itself is not changed.
 */
export function minimizeInBox(
  objective: Objective,
  start: Float64Array,
  low: Float64Array,
  high: Float64Array,
  evaluations: number,
  tolerance?: number,
): { readonly x: Float64Array; readonly value: number } {
  const n = start.length;
  let x = start.slice();
  let gradient = new Float64Array(n);
  let value = objective(x, gradient);
  let pairs: Pair[] = [];
  for (let used = 1; used < evaluations; ) {
    const free = gradient.slice();
    for (let k = 0; k < n; k++) {
      const [at, slope] = [x[k] as number, gradient[k] as number];
      if ((at <= (low[k] as number) && slope > 0) || (at >= (high[k] as number) && slope < 0)) free[k] = 0;
    }
    const size = Math.sqrt(dot(free, free));
    if (!(size > 1e-9)) break;
    let move = direction(free, pairs);
    for (let k = 0; k < n; k++) if (free[k] === 0) move[k] = 0;
    if (!(dot(move, free) < 0)) {
      pairs = [];
      move = free.map((slope) => -slope);
    }
    let length = pairs.length === 0 ? Math.min(1, 0.2 / size) : 1;
    let found = false;
    const next = new Float64Array(n);
    const nextGradient = new Float64Array(n);
    let nextValue = value;
    for (let tries = 0; tries < 8 && used < evaluations; tries++) {
      let expected = 0;
      for (let k = 0; k < n; k++) {
        const at = x[k] as number;
        next[k] = Math.min(high[k] as number, Math.max(low[k] as number, at + length * (move[k] as number)));
        expected += (free[k] as number) * ((next[k] as number) - at);
      }
      nextValue = objective(next, nextGradient);
      used += 1;
      found = nextValue <= value + ARMIJO * expected && nextValue < value;
      if (found) break;
      length *= tries === 0 ? 0.3 : 0.2;
    }
    if (!found) {
      if (pairs.length === 0) break;
      pairs = [];
      continue;
    }
    const step = next.map((at, k) => at - (x[k] as number));
    const change = nextGradient.map((slope, k) => slope - (gradient[k] as number));
    const curvature = dot(step, change);
    if (curvature > 1e-12 * dot(change, change)) pairs = [...pairs, { step, change, curvature }].slice(-MEMORY);
    const gained = value - nextValue;
    x = next;
    gradient = nextGradient;
    value = nextValue;
    if (gained < (tolerance ?? 1e-7 * Math.max(1e-3, Math.abs(value)))) break;
  }
  return { x, value };
}
