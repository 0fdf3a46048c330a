import { ADAM_EPSILON, BETA1, BETA2 } from '../optimizers/adamw.ts';
import type { OptimizerSpec, StepNumbers } from '../optimizers/optimizer.ts';
import { FLOAT } from './data-types.ts';
import type { Graph, Value } from './graph.ts';
import { assignVariable, readVariable, type Variable } from './variables.ts';

/*
 * Optimizers inside a program: TensorFlow's fused kernels update weight and slots in one pass, in place.
 */

/** Nodes that update one weight by its gradient; returns the names of those that must have run. */
export interface Updater {
  /** What each run is fed with beside batch and seed. */
  readonly inputs: readonly Value[];
  feeds(numbers: StepNumbers): Float32Array[];
  apply(weight: Variable, slots: readonly Variable[], gradient: Value): string[];
}

const T = { T: { type: FLOAT } } as const;

/** True where decoupled weight decay changes no bit: the factor rounds to 1 at the largest learning rate. */
function decayVanishes(learningRate: number, weightDecay: number): boolean {
  return Math.fround(1 - learningRate * weightDecay) === 1;
}

/**
 * AdamW by PyTorch's formula through ResourceApplyAdam, whose own is lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps'):
 * with eps' = eps * sqrt(1 - b2^t) they are the same.
 */
function adamw(graph: Graph, spec: OptimizerSpec & { name: 'adamw' }, prefix: string): Updater {
  const names = ['learningRate', 'beta1Power', 'beta2Power', 'epsilon', 'decay'];
  const inputs = names.map((name) => graph.placeholder(prefix + name, FLOAT, []));
  const [learningRate, power1, power2, epsilon, decay] = inputs as [Value, Value, Value, Value, Value];
  const [first, second] = spec.betas ?? [BETA1, BETA2];
  const [beta1, beta2] = [graph.scalar(first), graph.scalar(second)];
  const decays = !decayVanishes(spec.learningRate, spec.weightDecay);
  return {
    inputs,
    feeds({ learningRate: rate, step }) {
      const powerOf2 = second ** step;
      const numbers = [
        rate,
        first ** step,
        powerOf2,
        ADAM_EPSILON * Math.sqrt(1 - powerOf2),
        1 - rate * spec.weightDecay,
      ];
      return numbers.map((number) => Float32Array.of(number));
    },
    apply(weight, [mean, square], gradient) {
      // After the gradient, which needs the weight as it was.
      const decayed = decays ? [scaleVariable(graph, weight, decay, gradient)] : [];
      const handles = [weight.handle, (mean as Variable).handle, (square as Variable).handle];
      const inputsOf = [...handles, power1, power2, learningRate, beta1, beta2, epsilon, gradient];
      return [
        graph.add({ op: 'ResourceApplyAdam', inputs: inputsOf, attributes: T, outputs: [], after: decayed }).name,
      ];
    },
  };
}

function scaleVariable(graph: Graph, weight: Variable, factor: Value, after: Value): string {
  const value = readVariable(graph, weight, [nodeOf(after)]);
  const scaled = graph.add1({
    op: 'Mul',
    inputs: [value, factor],
    attributes: T,
    outputs: [{ type: FLOAT, shape: weight.shape }],
  });
  return assignVariable(graph, weight, scaled);
}

function nodeOf({ reference }: Value): string {
  return reference.split(':')[0] as string;
}

/**
 * SGD with Nesterov momentum by PyTorch's formula: g += decay * w; b = momentum * b + g; w -= lr * (g + momentum * b), which
 * is ResourceApplyMomentum's.
 */
function sgdNesterov(graph: Graph, spec: OptimizerSpec & { name: 'sgd-nesterov' }, prefix: string): Updater {
  const learningRate = graph.placeholder(`${prefix}learningRate`, FLOAT, []);
  const momentum = graph.scalar(spec.momentum);
  const decay = graph.scalar(spec.weightDecay);
  return {
    inputs: [learningRate],
    feeds: ({ learningRate: rate }) => [Float32Array.of(rate)],
    apply(weight, [buffer], gradient) {
      const outputs = [{ type: FLOAT, shape: weight.shape }];
      let total = gradient;
      if (spec.weightDecay !== 0) {
        const value = readVariable(graph, weight, [nodeOf(gradient)]);
        const pull = graph.add1({ op: 'Mul', inputs: [value, decay], attributes: T, outputs });
        total = graph.add1({ op: 'AddV2', inputs: [gradient, pull], attributes: T, outputs });
      }
      const inputs = [weight.handle, (buffer as Variable).handle, learningRate, total, momentum];
      const attributes = { ...T, use_nesterov: { bool: true } };
      return [graph.add({ op: 'ResourceApplyMomentum', inputs, attributes, outputs: [] }).name];
    },
  };
}

/** The nodes of an optimizer. `prefix`: of its feeds' names, where a program has several. */
export function updaterOf(graph: Graph, spec: OptimizerSpec, prefix = ''): Updater {
  return spec.name === 'adamw' ? adamw(graph, spec, prefix) : sgdNesterov(graph, spec, prefix);
}
