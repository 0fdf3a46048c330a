import { Plan } from '@voxhelm/contracts/plan';
import type { PlanOverrides } from '@voxhelm/contracts/run';
import { memoryTensors, type Tensor5D, tf } from '@voxhelm/nn/engine';
import { initialParameters } from '@voxhelm/nn/initialize';
import type { Network, Parameters } from '@voxhelm/nn/network';
import { createOptimizer, startingState } from '@voxhelm/nn/optimizers/create-optimizer';
import { createTrainStep, lossAndGradients } from '@voxhelm/nn/train-step';
import {
  decodeSafetensors,
  disposeParameters,
  encodeSafetensors,
  loadParameters,
  storeParameters,
} from '@voxhelm/nn/weights';
import { checkPoint, compileSpace } from '@voxhelm/search/space';
import { ask, createStudy } from '@voxhelm/search/study';
import { describe, expect, test } from 'vitest';
import { testCompiled } from './compiled-algorithm-contract.ts';
import { networkOf } from './networks.ts';
import { isGiven, valuePaths } from './plan-overrides.ts';
import type { AlgorithmPlanner, PlanInput } from './planner.ts';
import { ABDOMEN, BRAIN, CPU, gpu, HIPPOCAMPUS, planInput } from './planning-fixtures.ts';

/*
 * What every algorithm must hold, whatever it is: a new one passes this suite before anything else of Voxhelm meets it.
 */

/** Datasets and devices that a planner must cope with. */
const SITUATIONS: readonly (readonly [string, PlanInput])[] = [
  ['hippocampus', HIPPOCAMPUS] as const,
  ['abdomen', ABDOMEN] as const,
  ['brain', BRAIN] as const,
].flatMap(([name, dataset]) =>
  [CPU, gpu(16), gpu(80)].map(
    (device) =>
      [`${name} on ${device.kind} with ${device.memoryBytes / 2 ** 30} GB`, planInput(dataset, { device })] as const,
  ),
);

function freezeDeep<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(freezeDeep);
  return Object.freeze(value);
}

/** A batch that can be learned: a bright box is class 1, the rest background. Shapes by the plan. */
function boxBatch(plan: Plan): { image: Tensor5D; classes: ReturnType<typeof tf.tensor> } {
  const [x, y, z] = plan.patchSize;
  const channels = plan.modalities.length;
  const inside = (i: number, size: number) => i >= size / 4 && i < (3 * size) / 4;
  const classes = new Int32Array(x * y * z);
  for (let i = 0; i < x; i++) {
    for (let j = 0; j < y; j++) {
      for (let k = 0; k < z; k++) {
        if (inside(i, x) && inside(j, y) && inside(k, z)) classes[(i * y + j) * z + k] = 1;
      }
    }
  }
  const image = new Float32Array(classes.length * channels);
  classes.forEach((value, voxel) => image.fill(value * 2 - 0.5, voxel * channels, (voxel + 1) * channels));
  return {
    image: tf.tensor5d(image, [1, x, y, z, channels]),
    classes: tf.tensor(classes, [1, x, y, z], 'int32'),
  };
}

function forwardShapes(network: Network, parameters: Parameters, image: Tensor5D, training: boolean): number[][] {
  return tf.tidy(() => network.forward(parameters, image, { training, seed: null }).map(({ shape }) => [...shape]));
}

/** Loss, norm of each gradient and number of kernels of a step's gradients on one batch. */
async function gradientsOf(network: Network, plan: Plan, recompute: Plan['training']['recompute']) {
  const { image, classes } = boxBatch(plan);
  const weights = initialParameters(network, 1);
  const found = { loss: Number.NaN, norms: [] as number[] };
  const { kernels } = await tf.profile(() => {
    const { loss, gradients } = lossAndGradients(network, { ...plan.training, recompute })(
      weights,
      image,
      classes,
      null,
    );
    const norms = [...gradients.values()].map((gradient) => tf.tidy(() => tf.norm(gradient).dataSync()[0] as number));
    Object.assign(found, { loss: loss.dataSync()[0], norms });
    tf.dispose([loss, ...gradients.values()]);
    return [];
  });
  disposeParameters(weights);
  tf.dispose([image, classes]);
  return { ...found, kernels: kernels.length };
}

/** Trains `steps` steps on one batch and returns each step's loss. */
function trainOnBox(network: Network, plan: Plan, steps: number): number[] {
  const { image, classes } = boxBatch(plan);
  const weights = initialParameters(network, 1);
  const spec = { name: 'adamw', weightDecay: 1e-5, learningRate: 3e-3 } as const;
  const optimizer = createOptimizer(spec, startingState(spec, weights));
  const trainStep = createTrainStep(network, plan.training);
  const losses: number[] = [];
  for (let step = 1; step <= steps; step++) {
    const loss = trainStep(optimizer, [{ image, classes, seed: null }], { step, learningRate: 3e-3 });
    losses.push(loss.dataSync()[0] as number);
    loss.dispose();
  }
  optimizer.dispose();
  tf.dispose([image, classes]);
  return losses;
}

/** Registers the suite for one algorithm. `tiny`: overrides that make its network small enough for a test. */
export function testAlgorithm(planner: AlgorithmPlanner, tiny: PlanOverrides): void {
  describe.each(SITUATIONS)(`${planner.name}: plan for %s`, (_, input) => {
    const plan = planner.plan(freezeDeep(input));

    test('is valid, plain JSON, and the same each time', () => {
      expect(Plan.parse(plan)).toEqual(plan);
      expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
      expect(planner.plan(input)).toEqual(plan);
      expect(plan.algorithm).toBe(planner.name);
    });

    test('gives a reason for every value, and for nothing else', () => {
      expect(new Set(Object.keys(plan.reasons))).toEqual(new Set(valuePaths(plan)));
      for (const reason of Object.values(plan.reasons)) expect(reason).not.toBe('');
    });

    test('names a network that exists, takes the patch and has the outputs that the loss weighs', () => {
      const network = networkOf(plan.network);
      plan.patchSize.forEach((size, axis) => expect(size % (network.divisor[axis] ?? 1)).toBe(0));
      expect(network.inChannels).toBe(plan.modalities.length);
      expect(network.outChannels).toBe(plan.labels.length);
      expect(plan.training.deepSupervisionWeights).toHaveLength(network.heads);
      expect(plan.sampling.classRatios.reduce((sum, ratio) => sum + ratio, 0)).toBeCloseTo(1, 9);
    });

    test('has a space of which the plan itself is a point, and every point gives a valid plan of a network that exists', () => {
      const space = planner.space(plan);
      const defaults = planner.defaults(plan);
      checkPoint(compileSpace(space), defaults);
      const settings = { sampler: 'random', pruner: 'none' } as const;
      const study = createStudy({ algorithms: [{ name: planner.name, space, defaults }], settings, seed: 5 });
      expect(planner.configure(plan, ask(study, 0))).toEqual(plan);
      for (let number = 1; number <= 25; number++) {
        const configured = planner.configure(freezeDeep(plan), ask(study, number));
        expect(Plan.parse(configured)).toEqual(configured);
        expect(new Set(Object.keys(configured.reasons))).toEqual(new Set(Object.keys(plan.reasons)));
        expect(configured).not.toEqual(plan);
        networkOf(configured.network);
      }
    });

    test('with fewer steps stays a plan: warm-up and validations follow', () => {
      const short = planner.withSteps(plan, 100);
      expect(Plan.parse(short)).toEqual(short);
      expect(short.training.steps).toBe(100);
      expect(short.training.warmupSteps).toBeLessThan(100);
      expect(short.training.validateEverySteps).toBeLessThanOrEqual(100);
      expect(planner.withSteps(plan, 100, 40).training.validateEverySteps).toBe(40);
      expect(() => planner.withSteps(plan, 0)).toThrow(/0 steps/);
    });
  });

  describe(`${planner.name}: network, made tiny`, () => {
    const plan = planner.plan(planInput(HIPPOCAMPUS, { overrides: tiny }));
    const network = networkOf(plan.network);

    test('what the user fixed is in the plan and not in the space', () => {
      const fixed = planner.plan(planInput(HIPPOCAMPUS, { overrides: { ...tiny, learningRate: 7e-4, steps: 70 } }));
      expect(fixed.training).toMatchObject({ learningRate: 7e-4, steps: 70 });
      expect(isGiven(fixed, 'training.learningRate') && isGiven(fixed, 'training.steps')).toBe(true);
      expect(planner.space(fixed)).not.toHaveProperty('learningRate');
    });

    test('a patch that the network cannot take and an option that it does not have are refused', () => {
      const [x, y, z] = plan.patchSize;
      const odd = { ...tiny, patchSize: [x + 1, y, z] as [number, number, number] };
      expect(() => planner.plan(planInput(HIPPOCAMPUS, { overrides: odd }))).toThrow(/patch size/);
      expect(() => networkOf({ ...plan.network, options: { ...plan.network.options, colour: 1 } })).toThrow(/colour/);
      expect(() => networkOf({ class: 'Unknown', options: {} })).toThrow(/no network class "Unknown"/);
    });

    test('one output of full size when predicting, one a head when training, and no tensor is left behind', () => {
      const before = memoryTensors();
      const parameters = initialParameters(network, 1);
      const { image, classes } = boxBatch(plan);
      const full = [1, ...plan.patchSize, plan.labels.length];
      expect(forwardShapes(network, parameters, image, false)).toEqual([full]);
      const heads = forwardShapes(network, parameters, image, true);
      expect(heads).toHaveLength(network.heads);
      expect(heads[0]).toEqual(full);
      disposeParameters(parameters);
      tf.dispose([image, classes]);
      expect(memoryTensors()).toBe(before);
    });

    test('the loss falls on a case that can be learned, and training leaves no tensor behind', () => {
      const before = memoryTensors();
      const losses = trainOnBox(network, plan, 25);
      expect(memoryTensors()).toBe(before);
      expect(losses.every(Number.isFinite)).toBe(true);
      expect(losses.at(-1)).toBeLessThan(0.6 * (losses[0] as number));
    }, 180_000);

    test('with blocks computed again the gradients are the same, and something is computed again', async () => {
      const before = memoryTensors();
      const [kept, again] = [
        await gradientsOf(network, plan, 'none'),
        await gradientsOf(network, plan, 'blocks'),
      ] as const;
      expect(memoryTensors()).toBe(before);
      expect(again.kernels).toBeGreaterThan(kept.kernels + 10);
      expect(again.loss).toBeCloseTo(kept.loss, 5);
      kept.norms.forEach((norm, i) => expect(again.norms[i]).toBeCloseTo(norm, 4));
    });

    testCompiled(network, plan);

    test('weights that were saved and loaded predict the same', () => {
      const parameters = initialParameters(network, 3);
      const bytes = encodeSafetensors(storeParameters(network, parameters));
      const loaded = loadParameters(network, decodeSafetensors(bytes));
      const { image, classes } = boxBatch(plan);
      const predict = (weights: Parameters) =>
        tf.tidy(() => network.forward(weights, image, { training: false, seed: null })[0]?.dataSync());
      expect(predict(loaded)).toEqual(predict(parameters));
      for (const each of [parameters, loaded]) disposeParameters(each);
      tf.dispose([image, classes]);
    });
  });
}
