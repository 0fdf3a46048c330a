import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { ArchitectureSearch, FoundArchitecture, Plan } from '@voxhelm/contracts/plan';
import {
  type AlternatingProgram,
  type AlternatingStep,
  openAlternatingProgram,
} from '@voxhelm/nn/compiled/alternating-program';
import type { ComputePrecision } from '@voxhelm/nn/compiled/autocast';
import type { Tensor } from '@voxhelm/nn/engine';
import { tf } from '@voxhelm/nn/engine';
import { initialValues } from '@voxhelm/nn/initialize';
import { lossOf } from '@voxhelm/nn/losses/loss-of';
import { type Network, parameter } from '@voxhelm/nn/network';
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from '@voxhelm/nn/weights';
import { searchingPlan } from '../found-architecture.ts';
import { decodeArchitecture } from './decode.ts';
import { memoryShare, type SpaceSize } from './memory-cost.ts';
import { dintsNetwork, EDGE_LOGITS, OPERATION_LOGITS } from './network.ts';
import { architectureLoss, expectedMemoryShare } from './network-architecture-loss.ts';
import { readDintsOptions } from './network-options.ts';

/*
 * The search for an architecture (Auto3DSeg's DiNTS; automl.md 1.8 and 2.3): the supernet's weights are trained on one half
 * of the cases, after a warm-up its choices on the other half by turns with them; the most probable architecture is what
 * is found. Read on from `searchArchitecture`.
 */

/** A batch in host memory: image [batch, x, y, z, channel], class indices [batch, x, y, z]. */
export interface SearchBatch {
  readonly image: Float32Array;
  readonly classes: ArrayLike<number>;
}

/** Which half of the cases a batch is of. */
export type SearchPart = 'weights' | 'architecture';

/** What a search needs of the world around it. */
export interface ArchitectureSearchOptions {
  /** With `architectureSearch`. */
  readonly plan: Plan;
  readonly precision?: ComputePrecision;
  /** A checkpoint of the same search, or null to start anew. */
  readonly startFrom: Uint8Array | null;
  /** Must be a pure function of part and step. */
  nextBatch(part: SearchPart, step: number): Promise<SearchBatch>;
  onStep?(info: { step: number; loss: number; architectureLoss: number | null; stepMs: number }): void;
  save(bytes: Uint8Array, step: number): Promise<void>;
  /** When aborted, the search saves after the step it is in and rejects with code `cancelled`. */
  readonly signal: AbortSignal;
}

// Auto3DSeg's search (hyper_parameters_search.yaml).
const MOMENTUM = 0.9;
const WEIGHT_DECAY = 4e-5;
const ARCHITECTURE_BETAS = [0.5, 0.999] as const;
const CLIP_NORM = 0.5;
/** The weights' learning rate is halved each 0.4 of the steps after the warm-up. */
const HALVED_EVERY = 0.4;
const CODES = ['arch_code_a', 'arch_code_c', 'node_a'];

function isChoice(name: string): boolean {
  return name === EDGE_LOGITS || name === OPERATION_LOGITS;
}

function settingsOf(plan: Plan): ArchitectureSearch {
  if (plan.architectureSearch === undefined) throw new RangeError('the plan asks for no architecture search');
  return plan.architectureSearch;
}

/** The supernet of a plan: its network over all edges and operations, as wide as the search says. */
export function supernetOf(plan: Plan): Network {
  const options = Object.entries(plan.network.options).filter(([name]) => !CODES.includes(name));
  return dintsNetwork({
    ...Object.fromEntries(options),
    dints_space: 'TopologySearch',
    channel_mul: settingsOf(plan).channelMultiplier,
  });
}

/** The two kinds of steps; both see the same forward pass. */
export function searchSteps(network: Network, plan: Plan): readonly AlternatingStep[] {
  const settings = settingsOf(plan);
  const segmentation = lossOf(plan.training.loss);
  const space = readDintsOptions(network.options);
  const loss: AlternatingStep['loss'] = (parameters, image, classes) => {
    const [logits] = network.forward(parameters, image, { training: true, seed: null });
    return segmentation(logits as NonNullable<typeof logits>, classes);
  };
  return [
    {
      name: 'weights',
      moves: (name) => !isChoice(name),
      loss,
      clipNorm: CLIP_NORM,
      clip: 'together',
      optimizer: { name: 'sgd-nesterov', weightDecay: WEIGHT_DECAY, momentum: MOMENTUM },
    },
    {
      name: 'architecture',
      moves: isChoice,
      loss: (parameters, image, classes, factor) => {
        const [edges, operations] = [EDGE_LOGITS, OPERATION_LOGITS].map((name) => parameter(parameters, name));
        const own = architectureLoss(edges as Tensor, operations as Tensor, space, settings.memoryBudget);
        return tf.add(loss(parameters, image, classes, factor), tf.mul(own, factor));
      },
      clipNorm: CLIP_NORM,
      clip: 'each',
      optimizer: {
        name: 'adamw',
        weightDecay: 0,
        learningRate: settings.architectureLearningRate,
        betas: ARCHITECTURE_BETAS,
      },
    },
  ];
}

/** The supernet with both steps, compiled; its weights are those of the plan's seed. The caller disposes. */
export function openSupernet(plan: Plan, precision: ComputePrecision = 'float32'): AlternatingProgram {
  const network = supernetOf(plan);
  const steps = searchSteps(network, plan);
  const { patchSize, batchSize } = searchingPlan(plan);
  const program = openAlternatingProgram({ network, precision, patchSize, batchSize, steps });
  const specs = new Map(network.specs.map((spec) => [spec.name, spec]));
  for (const [group, names] of program.groups) {
    const valueOf = (name: string): Float32Array => {
      const spec = specs.get(name);
      if (spec === undefined) throw new RangeError(`the supernet has no ${name}`);
      return initialValues(group === 'weights' ? spec : { ...spec, init: { rule: 'zeros' } }, settingsOf(plan).seed);
    };
    program.assign(group, new Map(names.map((name) => [name, valueOf(name)])));
  }
  return program;
}

/** Names a search by all that its result depends on beside the cases. */
export function searchHash(plan: Plan): string {
  const { architectureSearch, network, patchSize, batchSize, preprocessing, sampling, augmentation, labels, fold } =
    plan;
  const parts = [
    architectureSearch,
    network,
    patchSize,
    batchSize,
    preprocessing,
    sampling,
    augmentation,
    labels,
    fold,
  ];
  return createHash('sha256')
    .update(JSON.stringify([...parts, plan.training.loss]))
    .digest('hex');
}

interface Progress {
  readonly step: number;
  readonly searchMs: number;
}

function encode(plan: Plan, program: AlternatingProgram, progress: Progress): Uint8Array {
  const tensors = new Map<string, StoredTensor>();
  for (const group of program.groups.keys()) {
    for (const [name, data] of program.read(group)) {
      tensors.set(`${group}/${name}`, { dtype: 'F32', shape: [data.length], data });
    }
  }
  return encodeSafetensors(tensors, { search: searchHash(plan), progress: JSON.stringify(progress) });
}

/** Puts a checkpoint's values into the program; throws `bad-checkpoint` where it is of another search. */
function restore(plan: Plan, program: AlternatingProgram, bytes: Uint8Array): Progress {
  const { tensors, metadata } = decodeSafetensors(bytes);
  if (metadata['search'] !== searchHash(plan)) {
    throw new VoxhelmError('bad-checkpoint', 'the checkpoint belongs to another architecture search');
  }
  for (const [group, names] of program.groups) {
    program.assign(group, new Map(names.map((name) => [name, tensors.get(`${group}/${name}`)?.data as Float32Array])));
  }
  return JSON.parse(metadata['progress'] as string) as Progress;
}

/** Rows of a flat array. */
function rows(values: ArrayLike<number>, width: number): number[][] {
  return Array.from({ length: values.length / width }, (_, row) =>
    Array.from({ length: width }, (_unused, column) => values[row * width + column] as number),
  );
}

/** What a program's choices decode to. */
function decodeProgram(program: AlternatingProgram, space: SpaceSize, progress: Progress): FoundArchitecture {
  const weights = program.read('weights');
  const [edges, operations] = [EDGE_LOGITS, OPERATION_LOGITS].map((name) => weights.get(name) as Float32Array);
  const edgeCount = 3 * space.depths - 2;
  const codes = (operations as Float32Array).length / (edges as Float32Array).length;
  const edgeLogits = rows(edges as Float32Array, edgeCount);
  const perEdge = rows(operations as Float32Array, codes);
  const operationLogits = edgeLogits.map((_, block) => perEdge.slice(block * edgeCount, (block + 1) * edgeCount));
  const architecture = decodeArchitecture(edgeLogits, operationLogits, space.depths);
  const expected = tf.tidy(() =>
    expectedMemoryShare(
      tf.tensor(edges as Float32Array, [edgeLogits.length, edgeCount]),
      tf.tensor(operations as Float32Array, [edgeLogits.length, edgeCount, codes]),
      space,
    ),
  );
  const expectedShare = expected.dataSync()[0] as number;
  expected.dispose();
  return {
    schemaVersion: 1,
    options: { ...architecture },
    memoryShare: memoryShare(architecture, space),
    expectedMemoryShare: expectedShare,
    steps: progress.step,
    searchMs: Math.round(progress.searchMs),
  };
}

/** Weights' learning rate at a step, from 1. */
function learningRateAt({ learningRate, steps, warmupSteps }: ArchitectureSearch, step: number): number {
  return learningRate * 0.5 ** Math.floor((step - 1) / Math.max(1, HALVED_EVERY * (steps - warmupSteps)));
}

/** One step: of the weights, and after the warm-up of the choices. */
async function runStep(options: ArchitectureSearchOptions, program: AlternatingProgram, step: number) {
  const settings = settingsOf(options.plan);
  const batchOf = async (part: SearchPart) => {
    const { image, classes } = await options.nextBatch(part, step);
    return { image, classes: Int32Array.from(classes) };
  };
  const loss = program.step('weights', await batchOf('weights'), {
    step,
    learningRate: learningRateAt(settings, step),
    factor: 0,
  });
  const turn = step - settings.warmupSteps;
  if (turn <= 0) return { loss, architectureLoss: null };
  const architectureLossNow = program.step('architecture', await batchOf('architecture'), {
    step: turn,
    learningRate: settings.architectureLearningRate,
    factor: (turn - 1) / (settings.steps - settings.warmupSteps),
  });
  return { loss, architectureLoss: architectureLossNow };
}

/**
 * Searches by `plan.architectureSearch` and returns what it found. Deterministic: from a checkpoint it goes on as if it had
 * never stopped. Rejects with `cancelled` (after saving), `diverged` naming the step, or `bad-checkpoint`.
 */
export async function searchArchitecture(options: ArchitectureSearchOptions): Promise<FoundArchitecture> {
  const { plan, startFrom, signal } = options;
  const { steps, checkpointEverySteps } = settingsOf(plan);
  const program = openSupernet(plan, options.precision);
  try {
    let progress: Progress = startFrom === null ? { step: 0, searchMs: 0 } : restore(plan, program, startFrom);
    while (progress.step < steps) {
      const step = progress.step + 1;
      const started = performance.now();
      const losses = await runStep(options, program, step);
      const stepMs = performance.now() - started;
      progress = { step, searchMs: progress.searchMs + stepMs };
      if (!Number.isFinite(losses.loss) || !Number.isFinite(losses.architectureLoss ?? 0)) {
        throw new VoxhelmError('diverged', `the architecture search's loss was no number at step ${step}`, {
          fix: 'Lower the learning rate of plan.architectureSearch.',
        });
      }
      options.onStep?.({ step, ...losses, stepMs });
      await setImmediate();
      if (signal.aborted || step % checkpointEverySteps === 0)
        await options.save(encode(plan, program, progress), step);
      if (signal.aborted) {
        throw new VoxhelmError('cancelled', `the architecture search was cancelled after step ${step}`);
      }
    }
    return decodeProgram(program, readDintsOptions(supernetOf(plan).options), progress);
  } finally {
    program.dispose();
  }
}
