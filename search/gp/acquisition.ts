import { type Codec, type Dimension, movesOnGrid } from '../codec.ts';
import { logImprovement } from '../normal-distribution.ts';
import { normalFrom, type RandomStream } from '../random.ts';
import { sobolVector } from '../samplers/sobol.ts';
import { rowOf } from './kernel.ts';
import { minimizeInBox } from './minimize.ts';
import { type Model, predict, predictWithSlopes } from './model.ts';

/*
 * Where the expected improvement is largest: many candidates, the best of them refined by slope along continuous
 * parameters and value by value along the others.
 */

/** What is looked for. */
export interface Target {
  readonly codec: Codec;
  readonly model: Model;
  /** The value to improve on. */
  readonly best: number;
  /** Choices that are decided: dimension to option. */
  readonly fixed: ReadonlyMap<number, number>;
  /** Good points to look around, best first. */
  readonly incumbents: readonly Float64Array[];
  /** Logarithm of the chance that a trial there succeeds. */
  logSuccess(row: Float64Array): number;
  /** Share of the usual number of candidates, where several searches are made for one ask. */
  readonly effort: number;
  /** Keys the low-discrepancy candidates. */
  readonly key: number;
  readonly random: RandomStream;
}

/** A candidate: settled coordinates and the logarithm of its expected improvement. */
export interface Candidate {
  readonly vector: Float64Array;
  readonly value: number;
}

const SPREAD_CANDIDATES = 160;
const LOCAL_CANDIDATES = 24;
const LOCAL_SCALES = [0.25, 0.1, 0.03, 0.008];
const REFINED = 4;
const ROUNDS = 2;
const SLOPE_EVALUATIONS = 18;

function evaluate({ model, best, logSuccess }: Target, vector: Float64Array): number {
  const row = rowOf(model.space, vector);
  const { mean, sd } = predict(model, row);
  return Math.log(sd) + logImprovement((best - mean) / sd).value + logSuccess(row);
}

/** Candidates by descending expected improvement; the refined ones first where they are better, as they should be. */
export function searchCandidates(target: Target): Candidate[] {
  const { codec, fixed, incumbents, key, random, effort } = target;
  const candidates: Candidate[] = [];
  const consider = (vector: Float64Array) => candidates.push({ vector, value: evaluate(target, vector) });
  for (let index = 0; index < SPREAD_CANDIDATES * effort; index++) consider(sobolVector(codec, key, index, fixed));
  for (const incumbent of incumbents) {
    for (let i = 0; i < LOCAL_CANDIDATES * effort; i++) consider(perturbed(codec, incumbent, fixed, i, random));
  }
  candidates.sort((a, b) => b.value - a.value);
  const starts = distinct(candidates, Math.max(2, Math.round(REFINED * effort)));
  const refined = starts.map((candidate) => refine(target, candidate));
  return [...refined, ...candidates].sort((a, b) => b.value - a.value);
}

/** A point near another: a random part of its parameters moved, at one of several scales. */
function perturbed(
  codec: Codec,
  from: Float64Array,
  fixed: ReadonlyMap<number, number>,
  attempt: number,
  random: RandomStream,
): Float64Array {
  const scale = LOCAL_SCALES[attempt % LOCAL_SCALES.length] as number;
  const vector = from.slice();
  const share = attempt % 2 === 0 ? 1 : Math.max(0.3, 2 / codec.dimensions.length);
  codec.dimensions.forEach((dimension, index) => {
    if (Number.isNaN(vector[index] as number) || fixed.has(index) || dimension.levels === 1) return;
    if (random() >= share) return;
    if (dimension.kind === 'choice') {
      if (random() < 0.2) vector[index] = dimension.fromUniform(random());
      return;
    }
    // A grid that is coarser than the scale still has to move by a cell now and then.
    const width = Math.max(scale, Number.isFinite(dimension.levels) ? 0.6 / dimension.levels : 0);
    vector[index] = (vector[index] as number) + width * normalFrom(random) * (dimension.high - dimension.low);
  });
  codec.settle(vector, (index) => (codec.dimensions[index] as Dimension).fromUniform(random()));
  return vector;
}

/** The first candidates that differ from one another by more than a hair. */
function distinct(sorted: readonly Candidate[], count: number): Candidate[] {
  const chosen: Candidate[] = [];
  for (const candidate of sorted) {
    if (chosen.length === count) break;
    const near = chosen.some(({ vector }) =>
      vector.every(
        (value, k) => Object.is(value, candidate.vector[k]) || Math.abs(value - (candidate.vector[k] as number)) < 0.02,
      ),
    );
    if (!near) chosen.push(candidate);
  }
  return chosen;
}

function refine(target: Target, start: Candidate): Candidate {
  let current = start;
  for (let round = 0; round < ROUNDS; round++) {
    const before = current.value;
    current = climb(target, current);
    current = moveOnGrid(target, current);
    if (current.value - before < 1e-3) break;
  }
  return current;
}

/** Follows the slope of the log expected improvement along continuous parameters and fine grids. */
function climb(target: Target, from: Candidate): Candidate {
  const { codec, model, best } = target;
  const { dimensions } = codec;
  const { space } = model;
  const moving = space.dimensions
    .map((_, k) => k)
    .filter((k) => {
      const index = space.dimensions[k] as number;
      const dimension = dimensions[index] as Dimension;
      return !movesOnGrid(dimension) && dimension.kind !== 'choice' && !Number.isNaN(from.vector[index] as number);
    });
  if (moving.length === 0) return from;
  const row = rowOf(space, from.vector);
  const byMean = new Float64Array(row.length);
  const bySd = new Float64Array(row.length);
  const objective = (x: Float64Array, gradient: Float64Array): number => {
    moving.forEach((k, i) => {
      row[k] = x[i] as number;
    });
    const { mean, sd } = predictWithSlopes(model, row, moving, byMean, bySd);
    const improvement = logImprovement((best - mean) / sd);
    moving.forEach((k, i) => {
      gradient[i] = (improvement.byMean * (byMean[k] as number) - improvement.bySd * (bySd[k] as number)) / sd;
    });
    return -(Math.log(sd) + improvement.value);
  };
  const start = Float64Array.from(moving, (k) => row[k] as number);
  const bound = (side: 'low' | 'high') =>
    Float64Array.from(moving, (k) => (dimensions[space.dimensions[k] as number] as Dimension)[side]);
  const found = minimizeInBox(objective, start, bound('low'), bound('high'), SLOPE_EVALUATIONS);
  const vector = from.vector.slice();
  moving.forEach((k, i) => {
    vector[space.dimensions[k] as number] = found.x[i] as number;
  });
  codec.settle(vector, () => Number.NaN);
  const value = evaluate(target, vector);
  return value > from.value ? { vector, value } : from;
}

/** Tries the neighbouring values of ordered parameters and all options of the others, one parameter after the other. */
function moveOnGrid(target: Target, from: Candidate): Candidate {
  const { codec, fixed, random } = target;
  let current = from;
  codec.dimensions.forEach((dimension, index) => {
    if (!movesOnGrid(dimension) || fixed.has(index) || dimension.levels === 1) return;
    for (const value of gridMoves(dimension, current.vector[index] as number)) {
      const vector = current.vector.slice();
      vector[index] = value;
      codec.settle(vector, (missing) => (codec.dimensions[missing] as Dimension).fromUniform(random()));
      const moved = { vector, value: evaluate(target, vector) };
      if (moved.value > current.value) current = moved;
    }
  });
  return current;
}

function gridMoves(dimension: Dimension, at: number): number[] {
  if (Number.isNaN(at)) return [];
  const { levels, low, high } = dimension;
  if (dimension.kind === 'choice') {
    return Array.from({ length: Math.min(levels, 12) }, (_, option) => option).filter((option) => option !== at);
  }
  const cell = (high - low) / (levels - 1);
  return [-1, 1, -2, 2]
    .map((cells) => at + cells * cell)
    .filter((value) => value >= low - 1e-9 && value <= high + 1e-9);
}
