import { type Probe, stepsWithin } from './training-time.ts';
import { USEFUL_STEPS, usefulMs } from './worth-trying.ts';

/*
 * Short looks: where a run has one trial for each of several algorithms, it need not train them all as long as the models that
 * it keeps. Each gets a short training of its own; the best then trains whole on every fold, the first one included. Four
 * algorithms and two folds cost 2.8 whole trainings in place of 5. Pure.
 */

/** A look's share of a whole training's time. */
const LOOK_SHARE = 0.2;

/** An algorithm as looks need it. */
export interface Looked {
  readonly name: string;
  readonly probe: Probe;
  readonly planSteps: number;
}

/** Time of a look (milliseconds), a search for an architecture included: a share of a whole training, but enough to tell something. */
function lookMs({ probe, planSteps }: Looked, wholeMs: number, cases: number): number {
  return Math.min(wholeMs, Math.max(LOOK_SHARE * wholeMs, usefulMs(probe, cases, Math.min(USEFUL_STEPS, planSteps))));
}

/** Time of all looks (milliseconds), as many at once as there are trainers. */
function looksMs(algorithms: readonly Looked[], wholeMs: number, cases: number, parallel: number): number {
  const each = algorithms.map((one) => lookMs(one, wholeMs, cases));
  const meanMs = each.reduce((sum, ms) => sum + ms, 0) / each.length;
  return Math.max(Math.ceil(each.length / parallel) * meanMs, ...each);
}

/** Halvings that find a training's time to a thousandth. */
const HALVINGS = 20;

/** The longest whole training (milliseconds) for which a look at each algorithm and `folds` of it take at most `availableMs`. */
export function wholeMsBesideLooks(
  algorithms: readonly Looked[],
  availableMs: number,
  folds: number,
  cases: number,
  parallel: number,
): number {
  const waves = Math.ceil(folds / parallel);
  let [low, high] = [0, Math.max(0, availableMs / waves)];
  for (let halving = 0; halving < HALVINGS; halving++) {
    const middle = (low + high) / 2;
    if (waves * middle + looksMs(algorithms, middle, cases, parallel) <= availableMs) low = middle;
    else high = middle;
  }
  return low;
}

/** Steps of each algorithm's look beside whole trainings of `wholeMs`. */
export function lookSteps(algorithms: readonly Looked[], wholeMs: number, cases: number): Record<string, number> {
  return Object.fromEntries(
    algorithms.map((one) => {
      const ownMs = lookMs(one, wholeMs, cases) - (one.probe.searchMs ?? 0);
      return [one.name, stepsWithin(one.probe, ownMs, cases, one.planSteps)];
    }),
  );
}
