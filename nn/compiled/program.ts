import type { ValuesByName } from '../initialize.ts';
import type { Network } from '../network.ts';
import type { OptimizerSpec } from '../optimizers/optimizer.ts';
import { stepSeed } from '../random-seed.ts';
import type { StepPlan } from '../train-step.ts';
import type { StateValues, StepNumbers } from '../training-engine.ts';
import type { ComputePrecision } from './autocast.ts';
import { Graph } from './graph.ts';
import { definePrediction, type PredictSignature } from './predict-signature.ts';
import { openSession, type Session } from './session.ts';
import { assignGroup, declareGroup, defineTransfer, readGroup, type Transfer } from './state-signatures.ts';
import { defineTraining, type TrainingSignatures } from './train-signatures.ts';
import type { Variable } from './variables.ts';

/*
 * A network compiled for fixed shapes and a precision: one graph in one session, whose signatures share the weights.
 * Every call blocks until TensorFlow is done.
 */

/** Numbers along x, y, z. */
export type Triple = readonly [number, number, number];

/** What a step of training is made of. */
export interface TrainingSpec {
  readonly plan: StepPlan;
  readonly batchSize: number;
  readonly optimizer: OptimizerSpec;
  /** Micro-batches whose mean gradient makes one step. */
  readonly accumulate: number;
  /** Decay of the running mean of the weights, which then predicts; null: the weights themselves. */
  readonly ema: number | null;
}

/** What a program is compiled for. */
export interface ProgramSpec {
  readonly network: Network;
  readonly precision: ComputePrecision;
  /** Of training and of windows to predict. */
  readonly patchSize: Triple;
  /** null for a program that predicts only. */
  readonly training: TrainingSpec | null;
  /** Numbers of windows that one call predicts at once; another number is padded to the next larger. */
  readonly windowBatches: readonly number[];
}

/** A training batch: image [batch, x, y, z, channel], class indices [batch, x, y, z]. */
export interface ProgramBatch {
  readonly image: Float32Array;
  readonly classes: Int32Array;
}

/** A compiled network. */
export interface Program {
  /** What the session keeps, each with a value for every parameter: "weights", the optimizer's slots, "ema". */
  readonly groups: readonly string[];
  read(group: string): StateValues;
  assign(group: string, values: ValuesByName | 'zeros'): void;
  /** One step on `accumulate` micro-batches; nothing is read back. */
  step(batches: readonly ProgramBatch[], numbers: StepNumbers): void;
  /** Loss of the last step, and the first step since the program was loaded whose loss was no number (0: none). */
  status(): { loss: number; divergedAt: number };
  /** Loss of a batch by the weights as they are, in training mode; random layers draw as in that step of that run. */
  loss(batch: ProgramBatch, numbers: Pick<StepNumbers, 'seed' | 'step'>): number;
  /** Logits [count, x, y, z, class] of windows [count, x, y, z, channel]. */
  predict(windows: Float32Array, count: number): Float32Array;
  dispose(): void;
}

interface Loaded {
  readonly spec: ProgramSpec;
  readonly session: Session;
  readonly transfers: ReadonlyMap<string, Transfer>;
  readonly training: TrainingSignatures | null;
  readonly predictions: readonly PredictSignature[];
}

/** Traces a network's signatures and loads them. Throws `invalid-request` where something cannot be traced. */
export function openProgram(spec: ProgramSpec): Program {
  const graph = new Graph();
  const training = spec.training === null ? null : defineTraining(graph, spec, spec.training);
  const groups = training?.groups ?? new Map([['weights', declareGroup(graph, spec.network, 'weights')]]);
  const transfers = new Map(
    [...groups].map(([group, variables]) => [group, defineTransfer(graph, spec.network, group, variables)]),
  );
  const predicting = (groups.get('ema') ?? groups.get('weights')) as readonly Variable[];
  const predictions = [...spec.windowBatches]
    .sort((a, b) => a - b)
    .map((count) => definePrediction(graph, spec, predicting, count));
  const session = openSession(graph);
  if (training !== null) session.run(training.reset, []);
  return programOf({ spec, session, transfers, training, predictions });
}

function transferOf({ transfers }: Loaded, group: string): Transfer {
  const transfer = transfers.get(group);
  if (transfer === undefined) throw new RangeError(`the program keeps no ${group}, but ${[...transfers.keys()]}`);
  return transfer;
}

function trainingOf({ training }: Loaded): TrainingSignatures {
  if (training === null) throw new RangeError('the program was compiled to predict, not to train');
  return training;
}

function programOf(loaded: Loaded): Program {
  const { session, spec, transfers } = loaded;
  return {
    groups: [...transfers.keys()],
    read(group) {
      return readGroup(session, transferOf(loaded, group));
    },
    assign(group, values) {
      assignGroup(session, transferOf(loaded, group), values);
    },
    step(batches, numbers) {
      const { accumulate, step, updater } = trainingOf(loaded);
      const last = batches.at(-1);
      if (last === undefined || batches.length !== spec.training?.accumulate) {
        throw new RangeError(`${batches.length} micro-batches for a step of ${spec.training?.accumulate}`);
      }
      batches.slice(0, -1).forEach((batch, i) => {
        const seed = stepSeed(numbers, i);
        if (accumulate !== null) session.run(accumulate, [batch.image, batch.classes, seed], false);
      });
      const seed = stepSeed(numbers, batches.length - 1);
      const feeds = [last.image, last.classes, seed, Float32Array.of(numbers.step), ...updater.feeds(numbers)];
      session.run(step, feeds, false);
    },
    status() {
      const [loss, divergedAt] = session.run(trainingOf(loaded).status, []).map((values) => values[0] as number);
      return { loss: loss as number, divergedAt: divergedAt as number };
    },
    loss: ({ image, classes }, numbers) =>
      session.run(trainingOf(loaded).loss, [image, classes, stepSeed(numbers, 0)])[0]?.[0] as number,
    predict: (windows, count) => predict(loaded, windows, count),
    dispose: () => session.dispose(),
  };
}

function predict({ predictions, session }: Loaded, windows: Float32Array, count: number): Float32Array {
  const size = windows.length / count;
  const largest = predictions.at(-1);
  if (largest === undefined) throw new RangeError('the program was compiled without windows to predict');
  const parts: Float32Array[] = [];
  for (let done = 0; done < count; ) {
    const left = Math.min(count - done, largest.count);
    const { count: room, signature } = predictions.find((one) => one.count >= left) ?? largest;
    const part = windows.subarray(done * size, (done + left) * size);
    let fed = part;
    if (room > left) {
      fed = new Float32Array(room * size);
      fed.set(part);
    }
    const logits = session.run(signature, [fed])[0] as Float32Array;
    parts.push(room > left ? logits.subarray(0, (logits.length / room) * left) : logits);
    done += left;
  }
  return parts.length === 1 ? (parts[0] as Float32Array) : joined(parts);
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
