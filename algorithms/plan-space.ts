import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Augmentation, Plan } from '@voxhelm/contracts/plan';
import type { Point } from '@voxhelm/contracts/trial';
import { hp, type SearchSpace } from '@voxhelm/search/space';
import { valueAt } from './plan-of.ts';
import { isGiven } from './plan-overrides.ts';

/** How much of the planned augmentation a trial uses: factor on probabilities and magnitudes. */
const AUGMENTATION_STRENGTHS: Readonly<Record<string, number>> = { light: 0.5, planned: 1, strong: 1.5 };

/** A number of an algorithm's own that a search may choose: a key of points, the value of a plan that it sets, and its values. */
export interface OwnChoice {
  readonly key: string;
  /** "network.options.init_filters" */
  readonly path: string;
  /** The plan's own value among them. */
  readonly values: readonly number[];
}

/** What is searched for an algorithm beside learning rate and weight decay. */
export interface SearchedPlan {
  readonly algorithm: string;
  /** False: its augmentation stays as planned. */
  readonly augmentation: boolean;
  /** The key of its own choice, where some plan has one. */
  readonly ownKey?: string;
  /** null: this plan has none. */
  readonly own: (plan: Plan) => OwnChoice | null;
}

/** The half of an {@link AlgorithmPlanner} that varies a plan. */
export interface PlanSpace {
  /** Every name that a plan of this algorithm may have in its space: what a request can be checked against before planning. */
  readonly searched: readonly string[];
  space(plan: Plan): SearchSpace;
  defaults(plan: Plan): Point;
  configure(plan: Plan, point: Readonly<Point>): Plan;
}

/** Which value of a plan a point's key changes. */
function pathOf(key: string, own: OwnChoice | null): string {
  if (key === own?.key) return own.path;
  return key === 'augmentation' ? key : `training.${key}`;
}

/** The plan with another value at a path. */
function withValue<T>(at: T, [key, ...rest]: readonly string[], value: unknown): T {
  if (key === undefined) return value as T;
  const inner = (at as Record<string, unknown>)[key];
  return { ...at, [key]: withValue(inner, rest, value) };
}

/** Half a decade to each side of the plan's rate: wide enough to matter, narrow enough that short trials still learn. */
const LEARNING_RATE_FACTOR = Math.sqrt(10);

/**
 * What a search may vary: learning rate, weight decay, augmentation strength, and the algorithm's own choice. On a CPU a network's
 * width is none: it changes the time of a step, and with it what a budget buys.
 */
function spaceOf(plan: Plan, { augmentation, own: ownOf }: SearchedPlan): SearchSpace {
  const { learningRate, weightDecay } = plan.training;
  const own = ownOf(plan);
  const space: Record<string, unknown> = {
    learningRate: hp.loguniform(
      Math.log(learningRate / LEARNING_RATE_FACTOR),
      Math.log(learningRate * LEARNING_RATE_FACTOR),
    ),
    ...(weightDecay > 0
      ? { weightDecay: hp.loguniform(Math.log(weightDecay / 10), Math.log(weightDecay * 1000)) }
      : {}),
    ...(augmentation ? { augmentation: hp.choice(Object.keys(AUGMENTATION_STRENGTHS)) } : {}),
    ...(own === null ? {} : { [own.key]: hp.choice([...own.values]) }),
  };
  return Object.fromEntries(Object.entries(space).filter(([key]) => !isGiven(plan, pathOf(key, own))));
}

/** The plan's own values of those parameters. */
function defaultsOf(plan: Plan, searched: SearchedPlan): Point {
  const own = searched.own(plan);
  const values: Point = {
    learningRate: plan.training.learningRate,
    weightDecay: plan.training.weightDecay,
    augmentation: 'planned',
    ...(own === null ? {} : { [own.key]: valueAt(plan, own.path) as number }),
  };
  const space = spaceOf(plan, searched);
  return Object.fromEntries(Object.entries(values).filter(([key]) => Object.hasOwn(space, key)));
}

/** One transform with probability and magnitude scaled; mirroring is all or nothing and stays. */
function scaleAugmentation(augmentation: Augmentation, factor: number): Augmentation {
  if (augmentation.name === 'flip' || augmentation.name === 'RandFlipd') return augmentation;
  // Of transforms by MONAI's and TorchIO's names the probability alone: their magnitudes are the user's.
  if ('prob' in augmentation) return { ...augmentation, prob: Math.min(1, augmentation.prob * factor) };
  if ('p' in augmentation) return { ...augmentation, p: Math.min(1, augmentation.p * factor) };
  const probability = Math.min(1, augmentation.probability * factor);
  const triple = ([x, y, z]: readonly [number, number, number]): [number, number, number] => [
    x * factor,
    y * factor,
    z * factor,
  ];
  switch (augmentation.name) {
    case 'affine':
      return {
        ...augmentation,
        probability,
        rotationRadians: triple(augmentation.rotationRadians),
        scale: triple(augmentation.scale),
      };
    case 'gaussian-noise':
      return { ...augmentation, probability, standardDeviation: augmentation.standardDeviation * factor };
    case 'scale-intensity':
      return { ...augmentation, probability, factor: augmentation.factor * factor };
    case 'shift-intensity':
      return { ...augmentation, probability, offset: augmentation.offset * factor };
    case 'gaussian-smooth':
    case 'gamma':
      return { ...augmentation, probability };
  }
}

/** One parameter applied to a plan. */
function apply(plan: Plan, { algorithm, own }: SearchedPlan, key: string, value: Point[string]): Plan {
  const path = pathOf(key, own(plan));
  const reasons = { ...plan.reasons, [path]: `the search's point: ${key} = ${String(value)}` };
  const wrongValue = () =>
    new VoxhelmError('invalid-request', `${algorithm}.${key} cannot be ${JSON.stringify(value)}`, {
      details: { field: `${algorithm}.${key}` },
    });
  if (key === 'augmentation') {
    const factor = AUGMENTATION_STRENGTHS[String(value)];
    if (factor === undefined) throw wrongValue();
    return { ...plan, augmentation: plan.augmentation.map((each) => scaleAugmentation(each, factor)), reasons };
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrongValue();
  return { ...withValue(plan, path.split('.'), value), reasons };
}

/** The plan with a study's point applied. A value that the plan has already is left with its own reason. */
function configure(plan: Plan, searched: SearchedPlan, point: Readonly<Point>): Plan {
  const prefix = `${searched.algorithm}.`;
  const defaults = defaultsOf(plan, searched);
  let configured = plan;
  for (const [path, value] of Object.entries(point)) {
    if (!path.startsWith(prefix)) continue;
    const key = path.slice(prefix.length);
    if (!Object.hasOwn(defaults, key)) {
      throw new VoxhelmError('invalid-request', `"${path}" is not searched for this plan`, {
        fix: `Use one of: ${Object.keys(defaults).join(', ')}.`,
        details: { field: path },
      });
    }
    if (value !== defaults[key]) configured = apply(configured, searched, key, value);
  }
  return configured;
}

/** The search space of an algorithm's plans. */
export function planSpace(searched: SearchedPlan): PlanSpace {
  const { augmentation, ownKey } = searched;
  return {
    searched: [
      'learningRate',
      'weightDecay',
      ...(augmentation ? ['augmentation'] : []),
      ...(ownKey === undefined ? [] : [ownKey]),
    ],
    space: (plan) => spaceOf(plan, searched),
    defaults: (plan) => defaultsOf(plan, searched),
    configure: (plan, point) => configure(plan, searched, point),
  };
}

/** A network's planned width, or half of it. `option`: the one that sets it. */
export function halfOrWhole(plan: Plan, key: string, option: string): OwnChoice {
  const width = plan.network.options[option] as number;
  return { key, path: `network.options.${option}`, values: [width / 2, width] };
}
