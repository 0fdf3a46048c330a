import type { Point } from '@voxhelm/contracts/trial';
import { type Branching, branchCounts, branchingOf, leastTried } from '../branches.ts';
import type { Codec } from '../codec.ts';
import { type Candidate, searchCandidates } from '../gp/acquisition.ts';
import type { Data } from '../gp/fit.ts';
import { kernelSpace, rowOf } from '../gp/kernel.ts';
import { correlation, type Model, predict, recondition, rescale, train } from '../gp/model.ts';
import { warp } from '../gp/warp.ts';
import { streamByKeys } from '../random.ts';
import type { Observation, Proposal, Sampler, SamplerContext } from './sampler.ts';
import { sobolVector } from './sobol.ts';

/*
 * Bayesian optimisation: a Gaussian process over the conditional space (ARD Matern 5/2) and the logarithm of the expected
 * improvement (Ament et al. 2023). No branch is starved: each first gets a quota in which it improves on itself; then
 * those that even an optimist sees above the best are left.
 */

/** Trials before the model proposes: 5 and one for each dimension, at most 10 and a fifth of the budget. */
function initialTrials(dimensions: number, budget: number | null): number {
  const wanted = Math.min(10, 5 + dimensions);
  return Math.max(3, Math.min(wanted, Math.ceil((budget ?? 60) / 5)));
}

/** Half of the budget goes to all branches alike, at most 10 trials each. */
const QUOTA = 10;
const QUOTA_SHARE = 0.5;
/** After the quota every third ask goes to the least tried branch that is left. */
const BRANCH_EVERY = 3;
/** An optimist's standard deviations: a branch is left only where even these do not reach the best. */
const OPTIMISM = 4;
/** A divergence tells little of how bad a trial would have been: its value has this standard deviation (in those of all). */
const DIVERGED_SD = 1;
/** Prior successes and failures of the chance that a trial works. */
const SUCCESSES = 4.5;
const FAILURES = 0.5;
const INCUMBENTS = 5;
/** Every so many asks the model is taken to be too sure of itself: lengthscales are multiplied by this. */
const DOUBT_EVERY = 4;
const DOUBT_SCALE = 0.5;

interface Belief {
  readonly context: SamplerContext;
  readonly model: Model;
  /** Of each told trial: coordinates, what the model was given, and whether a real loss stands behind it. */
  readonly vectors: readonly Float64Array[];
  readonly values: Float64Array;
  readonly real: readonly boolean[];
  /** Coordinates of trials that are under way. */
  readonly pending: readonly Float64Array[];
  logSuccess(row: Float64Array): number;
}

/** See the head of this file. Falls back to the Sobol sequence while there is too little to model. */
export const sampleGp: Sampler = (context): Proposal => {
  const { codec, told, budget, pending } = context;
  const branching = branchingOf(codec);
  const space = kernelSpace(codec);
  const finite = told.filter(({ diverged }) => !diverged);
  const begun = begunOf(context);
  const initial = initialTrials(activeCount(context), budget);
  if (begun < initial || finite.length < 2 || space.dimensions.length === 0) return spread(context, branching);
  const belief = believe(context);
  if (belief === null) return spread(context, branching);
  const tried = [...told.map(({ point }) => point), ...pending, ...context.failed];
  const taken = new Set(tried.map((point) => keyOf(codec, point)));
  const candidates = branching === null ? improve(belief, new Map()) : improveBranches(belief, branching);
  for (const { vector } of candidates) {
    const point = codec.decode(vector);
    if (!taken.has(JSON.stringify(point))) return { point, source: 'gp' };
  }
  return spread(context, branching);
};

/** A point as text, whatever the order in which its values were given. */
function keyOf(codec: Codec, point: Readonly<Point>): string {
  return JSON.stringify(codec.decode(codec.encode(point)));
}

function begunOf({ told, pending, failed }: SamplerContext): number {
  return told.length + pending.length + failed.length;
}

/** Dimensions that vary at one point at most: what a branch has. */
function activeCount({ codec, told, pending }: SamplerContext): number {
  const points = [...told.map(({ point }) => point), ...pending];
  const varying = new Set(codec.dimensions.filter(({ levels }) => levels > 1).map(({ parameter }) => parameter.path));
  if (points.length === 0) return varying.size;
  return Math.max(...points.map((point) => Object.keys(point).filter((path) => varying.has(path)).length));
}

/** The next point of the Sobol sequence that nobody took, in the least tried branch. */
function spread({ codec, seed, number, told, pending, failed }: SamplerContext, branching: Branching | null): Proposal {
  const points = [...told.map(({ point }) => point), ...pending, ...failed];
  const fixed = new Map<number, number>();
  if (branching !== null) {
    const counts = branchCounts(
      branching,
      points.map((point) => codec.encode(point)),
    );
    fixed.set(
      branching.dimension,
      leastTried(
        counts,
        counts.map((_, branch) => branch),
      ),
    );
  }
  const taken = new Set(points.map((point) => keyOf(codec, point)));
  for (let skip = 0; ; skip++) {
    // Numbers far apart where the next ones are taken: a small space may be used up.
    const point = codec.decode(sobolVector(codec, seed, number + skip * 1_000, fixed));
    if (skip === 50 || !taken.has(JSON.stringify(point))) return { point, source: 'sobol' };
    if (skip === 25) fixed.clear();
  }
}

/** Fits the model to what was told and adds what is pending, at what the model expects of it. */
function believe(context: SamplerContext): Belief | null {
  const { codec, told, pending, failed } = context;
  const space = kernelSpace(codec);
  const losses = Float64Array.from(told, ({ loss }) => loss);
  const warped = warp(losses);
  const vectors = told.map(({ point }) => codec.encode(point));
  const own = (observation: Observation) => {
    if (observation.diverged) return DIVERGED_SD ** 2;
    return (observation.doubt * warped.slope(observation.loss)) ** 2;
  };
  const data: Data = {
    rows: vectors.map((vector) => rowOf(space, vector)),
    values: warped.values,
    ownVariance: Float64Array.from(told, own),
  };
  const trained = train(space, data);
  if (trained === null) return null;
  const doubtful = begunOf(context) % DOUBT_EVERY === DOUBT_EVERY - 1;
  const model = doubtful ? rescale(trained.model, data, DOUBT_SCALE) : trained.model;
  const diverged = told.filter((each) => each.diverged).map(({ point }) => point);
  const bad = [...failed, ...diverged].map((point) => rowOf(space, codec.encode(point)));
  const good = data.rows.filter((_, i) => told[i]?.diverged !== true);
  const underWay = pending.map((point) => codec.encode(point));
  return {
    context,
    model: withPending(
      model,
      data,
      underWay.map((vector) => rowOf(space, vector)),
    ),
    pending: underWay,
    vectors,
    values: data.values,
    real: told.map((each) => !each.diverged),
    logSuccess: (row) => (bad.length === 0 ? 0 : logChance(model, row, good, bad)),
  };
}

/** Kriging believer (Ginsbourger et al. 2010): pending trials are taken to turn out as the model expects. */
function withPending(model: Model, data: Data, pending: readonly Float64Array[]): Model {
  if (pending.length === 0) return model;
  const expected = pending.map((row) => predict(model, row).mean);
  return recondition(model, {
    rows: [...data.rows, ...pending],
    values: Float64Array.from([...data.values, ...expected]),
    ownVariance: Float64Array.from([...data.ownVariance, ...expected.map(() => 0)]),
  });
}

/** The log of the share of trials near a row that succeeded, over a prior: a few random failures cost a region little. */
function logChance(
  model: Model,
  row: Float64Array,
  good: readonly Float64Array[],
  bad: readonly Float64Array[],
): number {
  const near = (rows: readonly Float64Array[]) =>
    rows.reduce((sum, other) => sum + correlation(model, row, other) ** 2, 0);
  const successes = SUCCESSES + near(good);
  return Math.log(successes / (successes + FAILURES + near(bad)));
}

/** Candidates with some choices fixed, by expected improvement on what was seen there. */
function improve(
  belief: Belief,
  fixed: ReadonlyMap<number, number>,
  best = bestMean(belief, fixed),
  effort = 1,
): Candidate[] {
  const { context, model } = belief;
  const { seed, number } = context;
  const branch = [...fixed.values()].join();
  return searchCandidates({
    codec: context.codec,
    model,
    best,
    fixed,
    incumbents: within(belief, fixed)
      .slice(0, INCUMBENTS)
      .map((i) => belief.vectors[i] as Float64Array),
    logSuccess: belief.logSuccess,
    effort,
    key: Math.floor(streamByKeys(seed, number, 'candidates', branch)() * 2 ** 31),
    random: streamByKeys(seed, number, 'local', branch),
  });
}

/** True where a trial has the choices that are decided. */
function fits(vector: Float64Array, fixed: ReadonlyMap<number, number>): boolean {
  return [...fixed].every(([dimension, option]) => vector[dimension] === option);
}

/** Told trials that have the fixed choices, best first. */
function within({ vectors, values, real }: Belief, fixed: ReadonlyMap<number, number>): number[] {
  return vectors
    .map((_, i) => i)
    .filter((i) => real[i] === true && fits(vectors[i] as Float64Array, fixed))
    .sort((a, b) => (values[a] as number) - (values[b] as number));
}

/**
 * The lowest of what the model holds of the trials there: noise does not make a lucky one the mark to beat. What trials
 * under way are expected to come to counts: the improvement that one of them will bring is not to be looked for twice.
 */
function bestMean(belief: Belief, fixed: ReadonlyMap<number, number>): number {
  const { model, vectors, pending } = belief;
  const mine = within(belief, fixed);
  if (mine.length === 0) return fixed.size === 0 ? 0 : bestMean(belief, new Map());
  const known = [...mine.map((i) => vectors[i] as Float64Array), ...pending.filter((vector) => fits(vector, fixed))];
  return Math.min(...known.map((vector) => predict(model, rowOf(model.space, vector)).mean));
}

function improveBranches(belief: Belief, branching: Branching): Candidate[] {
  const { codec, number, budget, pending } = belief.context;
  const { dimension, count } = branching;
  const vectors = [...belief.vectors, ...pending.map((point) => codec.encode(point))];
  const counts = branchCounts(branching, vectors);
  const all = Array.from({ length: count }, (_, branch) => branch);
  const quota = Math.min(QUOTA, Math.floor((QUOTA_SHARE * (budget ?? 60)) / count));
  const least = leastTried(counts, all);
  if ((counts[least] ?? 0) < quota) return improve(belief, new Map([[dimension, least]]));
  const best = bestMean(belief, new Map());
  const found = all.map((branch) => {
    const candidates = improve(belief, new Map([[dimension, branch]]), best, 1 / Math.sqrt(count));
    return { branch, candidates, hope: hopeOf(belief, candidates) };
  });
  const left = found.filter(({ hope, candidates }) => hope < best && candidates.length > 0);
  const among = left.length > 0 ? left : found;
  if (number % BRANCH_EVERY === 0) {
    const chosen = leastTried(
      counts,
      among.map(({ branch }) => branch),
    );
    return found[chosen]?.candidates ?? [];
  }
  return among
    .map(({ candidates }) => candidates)
    .reduce((a, b) => ((b[0]?.value ?? -Infinity) > (a[0]?.value ?? -Infinity) ? b : a));
}

/** The lowest value that an optimist expects among candidates. */
function hopeOf({ model }: Belief, candidates: readonly Candidate[]): number {
  return candidates.slice(0, 20).reduce((lowest, { vector }) => {
    const { mean, sd } = predict(model, rowOf(model.space, vector));
    return Math.min(lowest, mean - OPTIMISM * sd);
  }, Number.POSITIVE_INFINITY);
}
