import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Augmentation, Plan } from '@voxhelm/contracts/plan';
import type { Point } from '@voxhelm/contracts/trial';
import { hp, type SearchSpace } from '@voxhelm/search/space';
import { isGiven } from '../plan-overrides.ts';

/** How much of the planned augmentation a trial uses: factor on probabilities and magnitudes. */
const AUGMENTATION_STRENGTHS: Readonly<Record<string, number>> = { light: 0.5, planned: 1, strong: 1.5 };

const PATHS: Readonly<Record<string, string>> = {
  learningRate: 'training.learningRate',
  weightDecay: 'training.weightDecay',
  augmentation: 'augmentation',
  initFilters: 'network.options.init_filters',
};

/** Half a decade to each side of the plan's rate: wide enough to matter, narrow enough that short trials still learn. */
const LEARNING_RATE_FACTOR = Math.sqrt(10);

/**
 * What a search may vary: learning rate, weight decay, augmentation strength, and on a GPU the width. On a CPU the width
 * is left alone: it changes the time of a step, and with it what a budget buys.
 */
export function segresnetSpace(plan: Plan): SearchSpace {
  const { learningRate, weightDecay } = plan.training;
  const filters = plan.network.options['init_filters'] as number;
  const space: Record<string, unknown> = {
    learningRate: hp.loguniform(
      Math.log(learningRate / LEARNING_RATE_FACTOR),
      Math.log(learningRate * LEARNING_RATE_FACTOR),
    ),
    ...(weightDecay > 0
      ? { weightDecay: hp.loguniform(Math.log(weightDecay / 10), Math.log(weightDecay * 1000)) }
      : {}),
    augmentation: hp.choice(Object.keys(AUGMENTATION_STRENGTHS)),
    ...(filters > 16 ? { initFilters: hp.choice([filters / 2, filters]) } : {}),
  };
  return Object.fromEntries(Object.entries(space).filter(([key]) => !isGiven(plan, PATHS[key] as string)));
}

/** The plan's own values of those parameters. */
export function segresnetDefaults(plan: Plan): Point {
  const values: Point = {
    learningRate: plan.training.learningRate,
    weightDecay: plan.training.weightDecay,
    augmentation: 'planned',
    initFilters: plan.network.options['init_filters'] as number,
  };
  const space = segresnetSpace(plan);
  return Object.fromEntries(Object.entries(values).filter(([key]) => Object.hasOwn(space, key)));
}

/** One transform with probability and magnitude scaled; mirroring is all or nothing and stays. */
function scaleAugmentation(augmentation: Augmentation, factor: number): Augmentation {
  if (augmentation.name === 'flip') return augmentation;
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
function apply(plan: Plan, key: string, value: Point[string]): Plan {
  const reasons = { ...plan.reasons, [PATHS[key] as string]: `the search's point: ${key} = ${String(value)}` };
  if (key === 'augmentation') {
    const factor = AUGMENTATION_STRENGTHS[String(value)];
    if (factor === undefined) throw wrongValue(key, value);
    return { ...plan, augmentation: plan.augmentation.map((each) => scaleAugmentation(each, factor)), reasons };
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrongValue(key, value);
  if (key === 'initFilters') {
    const options = { ...plan.network.options, init_filters: value };
    return { ...plan, network: { ...plan.network, options }, reasons };
  }
  return { ...plan, training: { ...plan.training, [key]: value }, reasons };
}

function wrongValue(key: string, value: Point[string]): VoxhelmError {
  return new VoxhelmError('invalid-request', `segresnet.${key} cannot be ${JSON.stringify(value)}`, {
    details: { field: `segresnet.${key}` },
  });
}

/** The plan with a study's point applied. A value that the plan has already is left with its own reason. */
export function configureSegresnet(plan: Plan, point: Readonly<Point>): Plan {
  const prefix = 'segresnet.';
  const defaults = segresnetDefaults(plan);
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
    if (value !== defaults[key]) configured = apply(configured, key, value);
  }
  return configured;
}
