import type { hp as Language } from '@voxhelm/search/space';
import { tableSpace } from './tables/grid.ts';
import { tableLoss, tableOptimum } from './tables/table.ts';

/*
 * The functions of the comparison with Optuna, which was measured on exactly these (docs/search.md). All are minimised.
 */

/** A space in the language of `hyperparameters` and what is minimised over it. */
export interface BenchFunction {
  readonly optimum: number;
  space(hp: typeof Language): Record<string, unknown>;
  /** The value at a point in the space's shape. `seed` and `number` draw noise and failures. */
  objective(point: Record<string, unknown>): number;
}

function box(count: number, low: number, high: number) {
  return (hp: typeof Language) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`x${index + 1}`, hp.uniform(low, high)]));
}

function numbers(point: Record<string, unknown>): number[] {
  return Object.values(point).map(Number);
}

/** Branin (Dixon and Szegö 1978). */
function branin(point: Record<string, unknown>): number {
  const [x, y] = numbers(point) as [number, number];
  const bowl = y - (5.1 / (4 * Math.PI ** 2)) * x * x + (5 / Math.PI) * x - 6;
  return bowl * bowl + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) + 10;
}

const HARTMANN_WEIGHTS = [1, 1.2, 3, 3.2];
const HARTMANN_SCALES = [
  [10, 3, 17, 3.5, 1.7, 8],
  [0.05, 10, 17, 0.1, 8, 14],
  [3, 3.5, 1.7, 10, 17, 8],
  [17, 8, 0.05, 10, 0.1, 14],
];
const HARTMANN_CENTRES = [
  [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
  [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
  [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.665],
  [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
];

/** Hartmann in six dimensions (Dixon and Szegö 1978). */
function hartmann6(point: Record<string, unknown>): number {
  const x = numbers(point);
  return -HARTMANN_WEIGHTS.reduce((sum, weight, i) => {
    const distance = x.reduce((total, value, j) => {
      return total + (HARTMANN_SCALES[i]?.[j] ?? 0) * (value - (HARTMANN_CENTRES[i]?.[j] ?? 0)) ** 2;
    }, 0);
    return sum + weight * Math.exp(-distance);
  }, 0);
}

/** Rosenbrock's valley. */
function rosenbrock(point: Record<string, unknown>): number {
  const x = numbers(point);
  return x
    .slice(1)
    .reduce((sum, next, i) => sum + 100 * (next - (x[i] as number) ** 2) ** 2 + (1 - (x[i] as number)) ** 2, 0);
}

/** Ackley's function (a 20, b 0.2, c 2 pi) with its optimum moved. */
function ackley(moved: readonly number[]) {
  return (point: Record<string, unknown>): number => {
    const x = numbers(point).map((value, i) => value - (moved[i] as number));
    const squares = x.reduce((sum, value) => sum + value * value, 0) / x.length;
    const waves = x.reduce((sum, value) => sum + Math.cos(2 * Math.PI * value), 0) / x.length;
    return -20 * Math.exp(-0.2 * Math.sqrt(squares)) - Math.exp(waves) + 20 + Math.E;
  };
}

const FEATURE_PENALTY: Readonly<Record<number, number>> = { 12: 0.06, 24: 0.03, 36: 0.012, 48: 0 };

/** A space like a study's own: three algorithms with parameters of their own, of which the slow starter is best. */
function mixcondSpace(hp: typeof Language): Record<string, unknown> {
  return {
    algo: hp.choice([
      { segresnet: { filters: hp.quniform(8, 64, 8), blocks: hp.quniform(1, 5, 1), dropout: hp.uniform(0, 0.5) } },
      {
        swinunetr: { features: hp.choice([12, 24, 36, 48]), depth: hp.quniform(1, 4, 1), dropPath: hp.uniform(0, 0.4) },
      },
      { dints: { topologyLr: hp.loguniform(Math.log(1e-5), Math.log(0.1)), cells: hp.quniform(4, 16, 1) } },
    ]),
    lr: hp.loguniform(Math.log(1e-5), Math.log(0.1)),
    wd: hp.loguniform(Math.log(1e-6), Math.log(0.1)),
    loss: hp.choice(['dice', 'dicece', 'dicefocal']),
  };
}

type Values = Readonly<Record<string, number>>;

const LOSS_PENALTY: Readonly<Record<string, Values>> = {
  segresnet: { dice: 0.02, dicece: 0, dicefocal: 0.015 },
  swinunetr: { dice: 0.03, dicece: 0.01, dicefocal: 0 },
  dints: { dice: 0, dicece: 0.01, dicefocal: 0.01 },
};

const MIXCOND: Readonly<Record<string, { base: number; penalty(rate: number, decay: number, own: Values): number }>> = {
  segresnet: {
    base: 0.125,
    penalty: (rate, decay, { filters = 0, blocks = 0, dropout = 0 }) =>
      0.035 * (rate + 2.7) ** 2 +
      0.004 * (decay + 4) ** 2 +
      0.03 * ((filters - 32) / 24) ** 2 +
      0.01 * (blocks - 4) ** 2 +
      0.15 * (dropout - 0.15) ** 2,
  },
  swinunetr: {
    base: 0.1,
    penalty: (rate, decay, { features = 0, depth = 0, dropPath = 0 }) =>
      0.07 * (rate + 3.7) ** 2 +
      0.008 * (decay + 2.5) ** 2 +
      (FEATURE_PENALTY[features] ?? Number.NaN) +
      0.015 * (depth - 2) ** 2 +
      0.3 * (dropPath - 0.1) ** 2,
  },
  dints: {
    base: 0.135,
    penalty: (rate, decay, { topologyLr = 1, cells = 0 }) =>
      0.03 * (rate + 2) ** 2 +
      0.004 * (decay + 4) ** 2 +
      0.02 * (Math.log10(topologyLr) + 3) ** 2 +
      0.02 * ((cells - 12) / 4) ** 2,
  },
};

/** Conditional and mixed: value = base + (1 - base) tanh(p / (1 - base)). */
export function mixcond(point: Record<string, unknown>): number {
  const [name, own] = Object.entries(point['algo'] as Record<string, Values>)[0] as [string, Values];
  const rule = MIXCOND[name];
  if (rule === undefined) throw new Error(`mixcond has no algorithm "${name}"`);
  const penalty =
    rule.penalty(Math.log10(Number(point['lr'])), Math.log10(Number(point['wd'])), own) +
    (LOSS_PENALTY[name]?.[String(point['loss'])] ?? Number.NaN);
  return rule.base + (1 - rule.base) * Math.tanh(penalty / (1 - rule.base));
}

/** By name; `noisy` and `failing` are mixcond under another regime (search.ts). */
export const FUNCTIONS: Readonly<Record<string, BenchFunction>> = {
  branin: {
    optimum: 0.39788735772973816,
    space: (hp) => ({ x1: hp.uniform(-5, 10), x2: hp.uniform(0, 15) }),
    objective: branin,
  },
  hartmann6: { optimum: -3.322368011415515, space: box(6, 0, 1), objective: hartmann6 },
  rosenbrock4: { optimum: 0, space: box(4, -5, 10), objective: rosenbrock },
  ackley5: { optimum: 0, space: box(5, -32.768, 32.768), objective: ackley([0, 0, 0, 0, 0]) },
  'ackley5-shifted': {
    optimum: 0,
    space: box(5, -32.768, 32.768),
    objective: ackley([11.7, -19.3, 6.1, -8.9, 22.4]),
  },
  mixcond: { optimum: 0.1, space: mixcondSpace, objective: mixcond },
  // Real trainings of our own networks: 1 - Dice.
  tables: {
    get optimum() {
      return tableOptimum();
    },
    space: tableSpace,
    objective: tableLoss,
  },
};
