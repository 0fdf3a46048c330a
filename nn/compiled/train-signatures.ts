import { clipGradients } from '../clip-norm.ts';
import { type Tensor, type Tensor5D, tf } from '../engine.ts';
import { trains } from '../freeze.ts';
import { type Network, type ParameterSpec, statisticNames } from '../network.ts';
import { emaDecay, emaUpdate } from '../optimizers/ema.ts';
import { slotNames } from '../optimizers/optimizer.ts';
import { lossAndGradients } from '../train-step.ts';
import { FLOAT, INT32 } from './data-types.ts';
import type { Graph, Value } from './graph.ts';
import { readParameters } from './predict-signature.ts';
import type { ProgramSpec, TrainingSpec } from './program.ts';
import type { Signature } from './session.ts';
import { declareGroup, done, zeroed } from './state-signatures.ts';
import { trace } from './tracer.ts';
import { type Updater, updaterOf } from './updates.ts';
import { assignVariable, copied, declareVariable, readVariable, type Variable } from './variables.ts';

/*
 * The signatures that train: forward pass, tfjs's gradients, clipping, optimizer, running mean of the weights.
 */

/** What trains. Feeds begin with image, classes and seed. */
export interface TrainingSignatures {
  /** Variables of every group, a variable for each parameter. */
  readonly groups: ReadonlyMap<string, readonly Variable[]>;
  readonly updater: Updater;
  /** Further feeds: the step's number, and the updater's. */
  readonly step: Signature;
  /** Adds a micro-batch's gradients to those that the next step averages; null where a step is one batch. */
  readonly accumulate: Signature | null;
  readonly loss: Signature;
  /** To be run once before the first step. */
  readonly reset: Signature;
  /** Loss of the last step, and the first step that diverged (0: none). */
  readonly status: Signature;
}

interface Batch {
  readonly image: Value;
  readonly classes: Value;
  readonly seed: Value;
}

/** What the session keeps beside the groups. */
interface Notes {
  readonly loss: Variable;
  readonly divergedAt: Variable;
  /** Sums over the micro-batches so far: the loss's, then each trained parameter's gradient's. */
  readonly sums: readonly Variable[] | null;
}

function declareGroups(
  graph: Graph,
  { network }: ProgramSpec,
  training: TrainingSpec,
): Map<string, readonly Variable[]> {
  const names = ['weights', ...slotNames(training.optimizer), ...(training.ema === null ? [] : ['ema'])];
  return new Map(names.map((name) => [name, declareGroup(graph, network, name)]));
}

function declareNotes(graph: Graph, { network }: ProgramSpec, { accumulate, plan }: TrainingSpec): Notes {
  const isTrained = trains(network, plan.freeze);
  const sums = (): Variable[] => [
    declareVariable(graph, 'lossSum', []),
    ...declareGroup(graph, network, 'gradientSum', isTrained),
  ];
  return {
    loss: declareVariable(graph, 'loss', []),
    divergedAt: declareVariable(graph, 'divergedAt', []),
    sums: accumulate === 1 ? null : sums(),
  };
}

/** Names of what a step changes, in the order of the gradients. */
function movingNames(network: Network, { plan }: TrainingSpec): string[] {
  return network.specs.map(({ name }) => name).filter(trains(network, plan.freeze));
}

/** Loss, then each trained parameter's gradient, all float32. */
function traceGradients(
  graph: Graph,
  spec: ProgramSpec,
  training: TrainingSpec,
  weights: readonly Variable[],
  batch: Batch,
): readonly Value[] {
  const compute = lossAndGradients(spec.network, { ...training.plan, gradientClipNorm: null });
  const values = trace(graph, spec.precision, (scope) => {
    const parameters = readParameters(graph, scope, spec, weights);
    const image = scope.tensor(batch.image) as Tensor5D;
    const { loss, gradients } = compute(parameters, image, scope.tensor(batch.classes), scope.tensor(batch.seed));
    return [loss, ...gradients.values()];
  });
  return values.map((value) => graph.cast(value, FLOAT));
}

/** Mean loss and gradients over the micro-batches, clipped. */
function finishGradients(
  graph: Graph,
  { network }: ProgramSpec,
  training: TrainingSpec,
  computed: readonly Value[],
  sums: Notes['sums'],
): readonly Value[] {
  const { accumulate, plan } = training;
  return trace(graph, 'float32', (scope) => {
    const now = computed.map((value) => scope.tensor(value));
    const [loss, ...gradients] = now.map((tensor, i) => {
      if (sums === null) return tensor;
      const sum = scope.tensor(readVariable(graph, sums[i] as Variable));
      return tf.mul(tf.add(sum, tensor), 1 / accumulate);
    }) as [Tensor, ...Tensor[]];
    const clip = plan.gradientClipNorm;
    if (clip === null) return [loss, ...gradients];
    const byName = new Map(movingNames(network, training).map((name, i) => [name, gradients[i] as Tensor]));
    return [loss, ...clipGradients(byName, statisticNames(network), clip).values()];
  });
}

/** The running mean of a weight, moved after the update. */
function defineEma(graph: Graph, decay: Value, ema: Variable, weight: Variable, updated: readonly string[]): string {
  const [mean] = trace(graph, 'float32', (scope) => {
    const before = scope.tensor(readVariable(graph, ema));
    const now = scope.tensor(readVariable(graph, weight, updated));
    return [emaUpdate(before, now, scope.tensor(decay))];
  });
  return assignVariable(graph, ema, mean as Value);
}

function defineEmas(
  graph: Graph,
  decay: number,
  step: Value,
  means: readonly Variable[],
  weights: readonly Variable[],
  updated: readonly (readonly string[])[],
): string[] {
  const [now] = trace(graph, 'float32', (scope) => [emaDecay(decay, scope.tensor(step))]);
  return means.map((mean, i) =>
    defineEma(graph, now as Value, mean, weights[i] as Variable, updated[i] as readonly string[]),
  );
}

/** Keeps the number of the first step whose loss is NaN or infinite. */
function noteDivergence(graph: Graph, divergedAt: Variable, loss: Value, step: Value): string {
  const [noted] = trace(graph, 'float32', (scope) => {
    const before = scope.tensor(readVariable(graph, divergedAt));
    const bad = tf.logicalNot(tf.isFinite(scope.tensor(loss)));
    const first = tf.logicalAnd(bad, tf.equal(before, 0));
    return [tf.where(first, scope.tensor(step), before)];
  });
  // Where it is the step itself, that was fed.
  return assignVariable(graph, divergedAt, copied(graph, noted as Value));
}

/** Defines all signatures of a training, and its variables. */
export function defineTraining(graph: Graph, spec: ProgramSpec, training: TrainingSpec): TrainingSignatures {
  const { network, patchSize } = spec;
  const grid = [training.batchSize, ...patchSize];
  const batch: Batch = {
    image: graph.placeholder('image', FLOAT, [...grid, network.inChannels]),
    classes: graph.placeholder('classes', INT32, grid),
    seed: graph.placeholder('seed', INT32, [2]),
  };
  const step = graph.placeholder('step', FLOAT, []);
  const updater = updaterOf(graph, training.optimizer);
  const groups = declareGroups(graph, spec, training);
  const notes = declareNotes(graph, spec, training);
  const weights = groups.get('weights') as readonly Variable[];
  // What is frozen has its place in every group, as in every checkpoint, and is left out of every update.
  const isTrained = trains(network, training.plan.freeze);
  const moving = (group: string): readonly Variable[] =>
    (groups.get(group) ?? []).filter((_, i) => isTrained((network.specs[i] as ParameterSpec).name));
  const slots = slotNames(training.optimizer).map(moving);

  const computed = traceGradients(graph, spec, training, weights, batch);
  const [loss, ...gradients] = finishGradients(graph, spec, training, computed, notes.sums) as [Value, ...Value[]];
  const statistics = statisticNames(network);
  const names = movingNames(network, training);
  const updated = gradients.map((gradient, i) => {
    const weight = moving('weights')[i] as Variable;
    if (statistics.has(names[i] as string)) return [assignVariable(graph, weight, gradient, 'AssignSubVariableOp')];
    const own = slots.map((slot) => slot[i] as Variable);
    return updater.apply(weight, own, gradient);
  });
  const { ema } = training;
  const means = ema === null ? [] : defineEmas(graph, ema, step, moving('ema'), moving('weights'), updated);
  const noted = [assignVariable(graph, notes.loss, loss), noteDivergence(graph, notes.divergedAt, loss, step)];
  // The sums are read by updates and notes: only then may they begin anew.
  const begunAnew = zeroed(graph, notes.sums ?? [], [...updated.flat(), ...noted]);
  const effects = [...updated.flat(), ...means, ...noted, ...begunAnew];

  const inputs = [batch.image, batch.classes, batch.seed];
  const added = notes.sums?.map((sum, i) => assignVariable(graph, sum, computed[i] as Value, 'AssignAddVariableOp'));
  return {
    groups,
    updater,
    step: { inputs: [...inputs, step, ...updater.inputs], outputs: [done(graph, effects)] },
    accumulate: added === undefined ? null : { inputs, outputs: [done(graph, added)] },
    loss: { inputs, outputs: [computed[0] as Value] },
    reset: { inputs: [], outputs: [done(graph, zeroed(graph, [notes.loss, notes.divergedAt, ...(notes.sums ?? [])]))] },
    status: { inputs: [], outputs: [readVariable(graph, notes.loss), readVariable(graph, notes.divergedAt)] },
  };
}
