import type { Dimension } from '../codec.ts';
import { cholesky } from '../gp/matrix.ts';
import { normalFrom, streamByKeys } from '../random.ts';
import { randomPoint } from './random.ts';
import type { Observation, Sampler, SamplerContext } from './sampler.ts';
import { sobolVector } from './sobol.ts';

/*
 * CMA-ES (Hansen 2016, "The CMA evolution strategy: a tutorial") over the numeric parameters that always exist. The state
 * is computed anew from the trials told: generation g is trials g * size .. (g + 1) * size - 1, so that an ask depends on
 * the history alone. A trial that is missing (failed, running) is missing in its generation. Choices and conditional
 * parameters are drawn from the generation's better half.
 */

const FIRST_SIZE = 0.3;

interface Strategy {
  readonly mean: Float64Array;
  /** Covariance, row-major. */
  readonly covariance: Float64Array;
  readonly size: number;
  readonly pathSize: Float64Array;
  readonly pathCovariance: Float64Array;
  readonly generation: number;
}

/** Trials in a generation. */
function populationOf(dimensions: number): number {
  return 4 + Math.floor(3 * Math.log(dimensions));
}

function evolvingDimensions({ codec }: SamplerContext): number[] {
  return codec.dimensions
    .map((_, index) => index)
    .filter((index) => {
      const { kind, levels, parents } = codec.dimensions[index] as Dimension;
      return parents.length === 0 && kind !== 'choice' && levels > 1;
    });
}

/** One generation's update; unchanged where fewer than two of its trials were told. */
function evolve(strategy: Strategy, told: readonly { x: Float64Array; loss: number }[]): Strategy {
  const n = strategy.mean.length;
  if (told.length < 2) return { ...strategy, generation: strategy.generation + 1 };
  const sorted = [...told].sort((a, b) => a.loss - b.loss);
  const parents = sorted.slice(0, Math.max(1, Math.floor(sorted.length / 2)));
  const raw = parents.map((_, i) => Math.log((sorted.length + 1) / 2) - Math.log(i + 1));
  const sum = raw.reduce((a, b) => a + b, 0);
  const weights = raw.map((weight) => weight / sum);
  const effective = 1 / weights.reduce((total, weight) => total + weight * weight, 0);
  const rateSize = (effective + 2) / (n + effective + 5);
  const damping = 1 + 2 * Math.max(0, Math.sqrt((effective - 1) / (n + 1)) - 1) + rateSize;
  const ratePath = (4 + effective / n) / (n + 4 + (2 * effective) / n);
  const rateOne = 2 / ((n + 1.3) ** 2 + effective);
  const rateMany = Math.min(1 - rateOne, (2 * (effective - 2 + 1 / effective)) / ((n + 2) ** 2 + effective));
  const expectedNorm = Math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));

  const steps = parents.map(({ x }) => x.map((value, k) => (value - (strategy.mean[k] as number)) / strategy.size));
  const move = new Float64Array(n);
  steps.forEach((step, i) => {
    for (let k = 0; k < n; k++) move[k] = (move[k] as number) + (weights[i] as number) * (step[k] as number);
  });
  const mean = strategy.mean.map((value, k) => value + strategy.size * (move[k] as number));
  const whitened = whiten(strategy.covariance, move);
  const keepSize = Math.sqrt(rateSize * (2 - rateSize) * effective);
  const pathSize = strategy.pathSize.map((value, k) => (1 - rateSize) * value + keepSize * (whitened[k] as number));
  const norm = Math.sqrt(pathSize.reduce((total, value) => total + value * value, 0));
  const elapsed = 1 - (1 - rateSize) ** (2 * (strategy.generation + 1));
  const steady = norm / Math.sqrt(elapsed) < (1.4 + 2 / (n + 1)) * expectedNorm ? 1 : 0;
  const keepPath = steady * Math.sqrt(ratePath * (2 - ratePath) * effective);
  const pathCovariance = strategy.pathCovariance.map(
    (value, k) => (1 - ratePath) * value + keepPath * (move[k] as number),
  );
  const lost = (1 - steady) * ratePath * (2 - ratePath);
  const covariance = strategy.covariance.map((value, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    const many = steps.reduce(
      (total, step, k) => total + (weights[k] as number) * (step[i] as number) * (step[j] as number),
      0,
    );
    const one = (pathCovariance[i] as number) * (pathCovariance[j] as number) + lost * value;
    return (1 - rateOne - rateMany) * value + rateOne * one + rateMany * many;
  });
  const size = Math.min(1, strategy.size * Math.exp((rateSize / damping) * (norm / expectedNorm - 1)));
  return { mean, covariance, size, pathSize, pathCovariance, generation: strategy.generation + 1 };
}

/** The inverse Cholesky factor of the covariance times a vector: as good as its inverse root for the path's length. */
function whiten(covariance: Float64Array, vector: Float64Array): Float64Array {
  const n = vector.length;
  const lower = covariance.slice();
  if (cholesky(lower, n) === null) return vector;
  const result = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = vector[i] as number;
    for (let k = 0; k < i; k++) sum -= (lower[i * n + k] as number) * (result[k] as number);
    result[i] = sum / (lower[i * n + i] as number);
  }
  return result;
}

function identity(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0));
}

function strategyAt(context: SamplerContext, moving: readonly number[], size: number): Strategy {
  const { codec, told, number } = context;
  const n = moving.length;
  const coordinates = ({ point, loss }: Observation) => {
    const vector = codec.encode(point);
    return {
      x: Float64Array.from(moving, (index) => unit(codec.dimensions[index] as Dimension, vector[index] as number)),
      loss,
    };
  };
  let strategy: Strategy = {
    mean: new Float64Array(n).fill(0.5),
    covariance: identity(n),
    size: FIRST_SIZE,
    pathSize: new Float64Array(n),
    pathCovariance: new Float64Array(n),
    generation: 0,
  };
  const generation = Math.floor(number / size);
  for (let g = 0; g < generation; g++) {
    const mine = told.filter((trial) => Math.floor(trial.number / size) === g);
    strategy = evolve(strategy, mine.map(coordinates));
  }
  return strategy;
}

/** An ordered choice's coordinate counts options; here every axis runs over 0..1. */
function unit({ low, high }: Dimension, coordinate: number): number {
  return (coordinate - low) / (high - low);
}

/** See the head of this file. Where nothing evolves: random. */
export const sampleCmaes: Sampler = (context) => {
  const { codec, seed, number, told } = context;
  const moving = evolvingDimensions(context);
  if (moving.length === 0) return { point: randomPoint(codec, seed, number), source: 'random' };
  const size = populationOf(moving.length);
  if (number < size) return { point: codec.decode(sobolVector(codec, seed, number)), source: 'sobol' };
  const strategy = strategyAt(context, moving, size);
  const n = moving.length;
  const lower = strategy.covariance.slice();
  const factor = cholesky(lower, n) === null ? identity(n) : lower;
  const random = streamByKeys(seed, number, 'cmaes');
  const normals = Float64Array.from({ length: n }, () => normalFrom(random));
  const best = [...told].sort((a, b) => a.loss - b.loss);
  const model = best[Math.floor(random() * Math.max(1, best.length / 4))];
  const keep = random() < 0.8 && model !== undefined;
  const vector = keep ? codec.encode(model.point) : new Float64Array(codec.dimensions.length).fill(Number.NaN);
  moving.forEach((index, i) => {
    let move = 0;
    for (let k = 0; k <= i; k++) move += (factor[i * n + k] as number) * (normals[k] as number);
    const { low, high } = codec.dimensions[index] as Dimension;
    vector[index] = low + (high - low) * mirrored((strategy.mean[i] as number) + strategy.size * move);
  });
  codec.settle(vector, (index) => (codec.dimensions[index] as Dimension).fromUniform(random()));
  return { point: codec.decode(vector), source: 'cmaes' };
};

/** Folds a value back into 0..1 at the bounds. */
function mirrored(value: number): number {
  const folded = Math.abs(value % 2);
  return folded > 1 ? 2 - folded : folded;
}
