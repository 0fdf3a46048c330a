import type { Point } from '@voxhelm/contracts/trial';
import { streamByKeys } from '../random.ts';
import { isActive, type Parameter } from '../space.ts';
import { drawFrom, logDensity, parzen } from './parzen.ts';
import { randomPoint } from './random.ts';
import type { Observation, Sampler, SamplerContext } from './sampler.ts';

/*
 * The tree-structured Parzen estimator (Bergstra et al. 2011) by the rules of Optuna 5: multivariate, grouped by what
 * exists together, running trials counted among the bad (constant liar).
 */

/** Told trials before the estimator is used. */
const STARTUP = 10;
const CANDIDATES = 24;

/** Trials that count as good: a tenth, at most 25. */
export function goodCount(told: number): number {
  return Math.min(Math.ceil(0.1 * told), 25);
}

/** Best first: finished trials by loss, then those that were stopped, the longest first. */
function ranked(told: readonly Observation[]): Observation[] {
  const whole = told.filter(({ fraction }) => fraction >= 1).sort((a, b) => a.loss - b.loss);
  const cut = told.filter(({ fraction }) => fraction < 1).sort((a, b) => b.fraction - a.fraction || a.loss - b.loss);
  return [...whole, ...cut];
}

/** Good and bad points, each oldest first. */
export function splitTrials({ told, pending }: Pick<SamplerContext, 'told' | 'pending'>): {
  good: Readonly<Point>[];
  bad: Readonly<Point>[];
} {
  const order = ranked(told);
  const count = goodCount(told.length);
  const byNumber = (trials: Observation[]) => trials.sort((a, b) => a.number - b.number).map(({ point }) => point);
  return { good: byNumber(order.slice(0, count)), bad: [...byNumber(order.slice(count)), ...pending] };
}

/** Parameters that exist under the same condition, parents before what depends on them. */
function groupsOf(parameters: readonly Parameter[]): Parameter[][] {
  const groups = new Map<string, Parameter[]>();
  for (const parameter of parameters) {
    const key = JSON.stringify(parameter.when);
    groups.set(key, [...(groups.get(key) ?? []), parameter]);
  }
  return [...groups.values()];
}

/** See the head of this file. */
export const sampleTpe: Sampler = (context) => {
  const { codec, seed, number, told } = context;
  if (told.length < STARTUP) return { point: randomPoint(codec, seed, number), source: 'random' };
  const { good, bad } = splitTrials(context);
  const parameters = codec.dimensions.map(({ parameter }) => parameter);
  const point: Point = {};
  for (const group of groupsOf(parameters)) {
    const [first] = group;
    if (first === undefined || !isActive(first, point)) continue;
    const has = (other: Readonly<Point>) => Object.hasOwn(other, first.path);
    const below = parzen(group, good.filter(has));
    const above = parzen(group, bad.filter(has));
    const random = streamByKeys(seed, number, 'tpe', first.path);
    let best: { drawn: Point; score: number } | null = null;
    for (let i = 0; i < CANDIDATES; i++) {
      const drawn = drawFrom(below, codec, random);
      const score = logDensity(below, drawn) - logDensity(above, drawn);
      if (best === null || score > best.score) best = { drawn, score };
    }
    Object.assign(point, best?.drawn);
  }
  return { point, source: 'tpe' };
};
