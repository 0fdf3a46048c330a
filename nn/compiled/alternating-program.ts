import { clipByGlobalNorm } from '../clip-norm.ts';
import type { Scalar, Tensor, Tensor5D } from '../engine.ts';
import { valueAndGradients } from '../gradients.ts';
import type { ValuesByName } from '../initialize.ts';
import type { Network, Parameters } from '../network.ts';
import { type OptimizerSpec, type StepNumbers, slotNames } from '../optimizers/optimizer.ts';
import type { StateValues } from '../training-engine.ts';
import type { ComputePrecision } from './autocast.ts';
import { FLOAT, INT32 } from './data-types.ts';
import { Graph, type Value } from './graph.ts';
import { readParameters } from './predict-signature.ts';
import type { ProgramBatch, Triple } from './program.ts';
import { openSession, type Session, type Signature } from './session.ts';
import { assignGroup, declareGroup, defineTransfer, done, readGroup, type Transfer } from './state-signatures.ts';
import { trace } from './tracer.ts';
import { type Updater, updaterOf } from './updates.ts';
import type { Variable } from './variables.ts';

/*
 * A network whose parameters are trained in turns by steps of different kinds, each with a loss, a part of the parameters
 * and an optimizer of its own: an architecture search moves weights and choices by turns.
 */

/** One kind of step. */
export interface AlternatingStep {
  /** Prefix of its groups' names. */
  readonly name: string;
  /** Which parameters it moves. */
  moves(parameter: string): boolean;
  /** What it minimises; `factor` is a number that each run gives. */
  loss(parameters: Parameters, image: Tensor5D, classes: Tensor, factor: Tensor): Scalar;
  readonly clipNorm: number;
  /** Whether the norm is that of all gradients together or each parameter's own. */
  readonly clip: 'together' | 'each';
  readonly optimizer: OptimizerSpec;
}

/** What is compiled. */
export interface AlternatingSpec {
  readonly network: Network;
  readonly precision: ComputePrecision;
  readonly patchSize: Triple;
  readonly batchSize: number;
  readonly steps: readonly AlternatingStep[];
}

/** A compiled alternation. Values have PyTorch's layout. */
export interface AlternatingProgram {
  /** "weights", and the optimizers' slots ("architecture.exp_avg"), each with its parameters' names. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  read(group: string): StateValues;
  assign(group: string, values: ValuesByName | 'zeros'): void;
  /** One step of the kind of that name; returns its loss. */
  step(name: string, batch: ProgramBatch, numbers: StepNumbers & { readonly factor: number }): number;
  dispose(): void;
}

interface Group {
  readonly transfer: Transfer;
  readonly parameters: readonly string[];
}

interface DefinedStep {
  readonly signature: Signature;
  readonly updater: Updater;
}

/** Traces all kinds of steps into one graph over the same weights. Throws `invalid-request` for what cannot be traced. */
export function openAlternatingProgram(spec: AlternatingSpec): AlternatingProgram {
  const graph = new Graph();
  const groups = new Map<string, Group>();
  const declare = (name: string, network: Network): readonly Variable[] => {
    const variables = declareGroup(graph, network, name);
    const transfer = defineTransfer(graph, network, name, variables);
    groups.set(name, { transfer, parameters: network.specs.map((one) => one.name) });
    return variables;
  };
  const weights = declare('weights', spec.network);
  const steps = new Map(spec.steps.map((step) => [step.name, defineStep(graph, spec, step, weights, declare)]));
  return programOf(openSession(graph), groups, steps);
}

function defineStep(
  graph: Graph,
  spec: AlternatingSpec,
  step: AlternatingStep,
  weights: readonly Variable[],
  declare: (name: string, network: Network) => readonly Variable[],
): DefinedStep {
  const { network } = spec;
  const moved = network.specs.map((one, i) => ({ one, i })).filter(({ one }) => step.moves(one.name));
  const slots = slotNames(step.optimizer).map((slot) =>
    declare(`${step.name}.${slot}`, { ...network, specs: moved.map(({ one }) => one) }),
  );
  const grid = [spec.batchSize, ...spec.patchSize];
  const image = graph.placeholder(`${step.name}/image`, FLOAT, [...grid, network.inChannels]);
  const classes = graph.placeholder(`${step.name}/classes`, INT32, grid);
  const factor = graph.placeholder(`${step.name}/factor`, FLOAT, []);
  const updater = updaterOf(graph, step.optimizer, `${step.name}/`);
  const computed = trace(graph, spec.precision, (scope) => {
    const parameters = readParameters(graph, scope, spec, weights);
    const names = moved.map(({ one }) => one.name);
    const { value, gradients } = valueAndGradients(
      (...tensors) => {
        const current = new Map([
          ...parameters,
          ...names.map((name, n): [string, Tensor] => [name, tensors[n] as Tensor]),
        ]);
        return step.loss(current, scope.tensor(image) as Tensor5D, scope.tensor(classes), scope.tensor(factor));
      },
      names.map((name) => parameters.get(name) as Tensor),
    );
    return [value, ...gradients];
  }).map((value) => graph.cast(value, FLOAT));
  const [loss, ...gradients] = computed as [Value, ...Value[]];
  const clipped = trace(graph, 'float32', (scope) => {
    const tensors = gradients.map((gradient) => scope.tensor(gradient));
    if (step.clip === 'together') return clipByGlobalNorm(tensors, step.clipNorm);
    return tensors.flatMap((tensor) => clipByGlobalNorm([tensor], step.clipNorm));
  });
  const updated = clipped.flatMap((gradient, n) =>
    updater.apply(
      weights[moved[n]?.i as number] as Variable,
      slots.map((slot) => slot[n] as Variable),
      gradient,
    ),
  );
  const inputs = [image, classes, factor, ...updater.inputs];
  return { updater, signature: { inputs, outputs: [loss, done(graph, updated)] } };
}

function known<T>(all: ReadonlyMap<string, T>, name: string): T {
  const found = all.get(name);
  if (found === undefined) throw new RangeError(`the program has no "${name}", but ${[...all.keys()]}`);
  return found;
}

function programOf(
  session: Session,
  groups: ReadonlyMap<string, Group>,
  steps: ReadonlyMap<string, DefinedStep>,
): AlternatingProgram {
  return {
    groups: new Map([...groups].map(([name, { parameters }]) => [name, parameters])),
    read(name) {
      return readGroup(session, known(groups, name).transfer);
    },
    assign(name, values) {
      assignGroup(session, known(groups, name).transfer, values);
    },
    step(name, { image, classes }, { factor, ...numbers }) {
      const { signature, updater } = known(steps, name);
      const feeds = [image, classes, Float32Array.of(factor), ...updater.feeds(numbers)];
      return session.run(signature, feeds)[0]?.[0] as number;
    },
    dispose: () => session.dispose(),
  };
}
