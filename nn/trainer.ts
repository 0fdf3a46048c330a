import { setImmediate } from 'node:timers/promises';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { decodeLast, encodeBest, encodeLast, type Progress } from './checkpoint.ts';
import { type Scalar, type Tensor5D, tf } from './engine.ts';
import { initialParameters } from './initialize.ts';
import type { Network } from './network.ts';
import { createAdamw, zeroMoments } from './optimizers/adamw.ts';
import type { Adamw } from './optimizers/adamw-state.ts';
import { createPredictor, type Predictor } from './predictor.ts';
import { warmupCosine } from './schedules.ts';
import { type LossAndGradients, lossAndGradients, trainStep } from './train-step.ts';
import { disposeParameters } from './weights.ts';

/*
 * The training of one trial: read on from `trainLoop`. Steps count from 1; a checkpoint of step n has done n steps.
 */

/** A training batch in host memory: image [batch, x, y, z, channel], class indices [batch, x, y, z]. */
export interface Batch {
  readonly image: Float32Array;
  readonly classes: Uint8Array;
}

/** A validation's outcome: mean Dice over the foreground classes, and each class's by its label value. */
export interface ValidationScore {
  readonly dice: number | null;
  readonly diceByClass: Record<string, number | null>;
}

/** What a training needs of the world around it. */
export interface TrainLoopOptions {
  readonly network: Network;
  readonly plan: Plan;
  readonly seed: number;
  /** A "last" checkpoint of the same plan, or null to start anew. */
  readonly startFrom: Uint8Array | null;
  /** The batch of a step; must be a pure function of the step, so that a resumed training sees the same batches. */
  nextBatch(step: number): Promise<Batch>;
  /** Scores the weights of a step. The predictor is valid until the promise settles. */
  validate(predictor: Predictor, step: number): Promise<ValidationScore>;
  onStep?(info: { step: number; learningRate: number; stepMs: number; waitMs: number }): void;
  /** The loss is read back every few steps only: reading it waits for the device. */
  onLoss?(step: number, loss: number): void;
  onValidation?(validation: {
    step: number;
    dice: number | null;
    diceByClass: Record<string, number | null>;
    validationMs: number;
  }): Promise<{ stop: boolean; reason: string | null }>;
  saveLast(bytes: Uint8Array, step: number): Promise<void>;
  saveBest(bytes: Uint8Array, step: number, dice: number | null): Promise<void>;
  /** When aborted, the loop saves "last" after the step it is in and rejects with code `cancelled`. */
  readonly signal: AbortSignal;
}

/** How a training ended. Milliseconds are sums over all attempts, `stepMs` the mean of a step. */
export interface TrainLoopResult {
  readonly outcome: 'completed' | 'pruned' | 'diverged';
  readonly reason: string | null;
  readonly step: number;
  readonly bestStep: number | null;
  readonly bestDice: number | null;
  readonly diceByClass: Record<string, number | null>;
  readonly trainMs: number;
  readonly stepMs: number;
  readonly validationMs: number;
}

/** Steps between two readings of the loss. */
const LOSS_EVERY_STEPS = 10;

interface Training {
  readonly options: TrainLoopOptions;
  readonly optimizer: Adamw;
  readonly compute: LossAndGradients;
  /** Losses that were not read back yet, the last one of step `progress.step`. */
  unread: Scalar[];
  progress: Progress;
}

/**
 * Trains by a plan to its last step: batch, step, now and then a validation and a checkpoint. Deterministic: from a "last"
 * checkpoint it computes bit for bit what it would have computed without the interruption, on the same device.
 * Returns `diverged` (naming the step) where the loss is NaN or infinite, `pruned` where `onValidation` says stop. Rejects with
 * `cancelled` when the signal aborts, after saving "last"; with `bad-checkpoint` where `startFrom` is of another plan.
 */
export async function trainLoop(options: TrainLoopOptions): Promise<TrainLoopResult> {
  const training = start(options);
  try {
    return await run(training);
  } finally {
    for (const loss of training.unread) loss.dispose();
    training.optimizer.dispose();
  }
}

async function run(training: Training): Promise<TrainLoopResult> {
  const { options } = training;
  const { steps, validateEverySteps, checkpointEverySteps } = options.plan.training;
  let coming = prefetch(options, training.progress.step + 1);
  while (training.progress.step < steps) {
    const step = training.progress.step + 1;
    const waitStarted = performance.now();
    const batch = await coming;
    const waitMs = performance.now() - waitStarted;
    coming = prefetch(options, step + 1);
    const stepMs = runStep(training, batch, step);
    options.onStep?.({ step, learningRate: learningRateOf(options.plan, step), stepMs, waitMs });

    const validates = step % validateEverySteps === 0 || step === steps;
    const saves = validates || step % checkpointEverySteps === 0;
    if (saves || step % LOSS_EVERY_STEPS === 0) {
      const fault = readLosses(training);
      if (fault !== null) return result(training, 'diverged', fault);
    }
    const verdict = validates ? await validate(training) : null;
    if (saves) await saveLast(training);
    if (verdict?.stop === true) return result(training, 'pruned', verdict.reason);

    await setImmediate();
    if (options.signal.aborted && step < steps) await cancel(training, saves);
  }
  return result(training, 'completed', null);
}

function start(options: TrainLoopOptions): Training {
  const { network, plan, seed, startFrom } = options;
  const compute = lossAndGradients(network, plan.training);
  if (startFrom !== null) {
    const { state, progress } = decodeLast(network, plan, startFrom);
    return { options, optimizer: createAdamw(state), compute, unread: [], progress };
  }
  const weights = initialParameters(network, seed);
  const optimizer = createAdamw({ weights, mean: zeroMoments(weights), square: zeroMoments(weights) });
  const progress = { step: 0, seed, bestStep: null, bestDice: null, diceByClass: {}, trainMs: 0, validationMs: 0 };
  return { options, optimizer, compute, unread: [], progress };
}

/** Asks for the batch of a step, so that it is made while the step before computes. Past the last step there is none. */
function prefetch(options: TrainLoopOptions, step: number): Promise<Batch> {
  if (step > options.plan.training.steps)
    return Promise.resolve({ image: new Float32Array(), classes: new Uint8Array() });
  const batch = options.nextBatch(step);
  // A failure is seen when the batch is awaited; where the loop ends before that, nobody needs it.
  batch.catch(() => undefined);
  return batch;
}

function learningRateOf(plan: Plan, step: number): number {
  const { learningRate, warmupSteps, steps } = plan.training;
  return learningRate * warmupCosine(step - 1, warmupSteps, steps);
}

/** Runs one step and returns its milliseconds. */
function runStep(training: Training, batch: Batch, step: number): number {
  const started = performance.now();
  const { plan, network } = training.options;
  const { batchSize, patchSize } = plan;
  const image = tf.tensor(batch.image, [batchSize, ...patchSize, network.inChannels], 'float32') as Tensor5D;
  const classes = tf.tensor(Int32Array.from(batch.classes), [batchSize, ...patchSize], 'int32');
  const scalars = { learningRate: learningRateOf(plan, step), weightDecay: plan.training.weightDecay, t: step };
  training.unread.push(trainStep(training.compute, training.optimizer, image, classes, scalars));
  image.dispose();
  classes.dispose();
  const stepMs = performance.now() - started;
  training.progress = { ...training.progress, step, trainMs: training.progress.trainMs + stepMs };
  return stepMs;
}

/** Reads the losses since the last reading. Returns what is wrong with them, or null. */
function readLosses(training: Training): string | null {
  const { step } = training.progress;
  const losses = training.unread.map((loss) => loss.dataSync()[0] as number);
  for (const loss of training.unread.splice(0)) loss.dispose();
  const bad = losses.findIndex((loss) => !Number.isFinite(loss));
  if (bad >= 0) return `the loss was ${losses[bad]} at step ${step - losses.length + 1 + bad}`;
  // Only at fixed steps, so that a resumed training reports the same points.
  if (step % LOSS_EVERY_STEPS === 0 || step === training.options.plan.training.steps) {
    training.options.onLoss?.(step, losses.at(-1) as number);
  }
  return null;
}

/** Scores the current weights, keeps them where they are the best so far, and asks whether to stop. */
async function validate(training: Training): Promise<{ stop: boolean; reason: string | null }> {
  const { options, optimizer, progress } = training;
  const { network, plan } = options;
  const weights = optimizer.weights();
  const predictor = createPredictor(network, plan.patchSize, weights);
  const started = performance.now();
  try {
    const { dice, diceByClass } = await options.validate(predictor, progress.step);
    const validationMs = performance.now() - started;
    const best = progress.bestStep === null || (dice ?? -1) > (progress.bestDice ?? -1);
    if (best) await options.saveBest(encodeBest(network, weights, progress.step, dice), progress.step, dice);
    training.progress = {
      ...progress,
      validationMs: progress.validationMs + validationMs,
      ...(best ? { bestStep: progress.step, bestDice: dice, diceByClass } : {}),
    };
    const verdict = await options.onValidation?.({ step: progress.step, dice, diceByClass, validationMs });
    return verdict ?? { stop: false, reason: null };
  } finally {
    predictor.dispose();
    disposeParameters(weights);
  }
}

async function saveLast({ options, optimizer, progress }: Training): Promise<void> {
  const state = optimizer.state();
  try {
    await options.saveLast(encodeLast(options.network, options.plan, state, progress), progress.step);
  } finally {
    for (const parameters of [state.weights, state.mean, state.square]) disposeParameters(parameters);
  }
}

async function cancel(training: Training, saved: boolean): Promise<never> {
  if (!saved) await saveLast(training);
  const { step } = training.progress;
  throw new VoxhelmError('cancelled', `training was cancelled after step ${step}`, { details: { step } });
}

function result(training: Training, outcome: TrainLoopResult['outcome'], reason: string | null): TrainLoopResult {
  const { step, bestStep, bestDice, diceByClass, trainMs, validationMs } = training.progress;
  const stepMs = step === 0 ? 0 : trainMs / step;
  return { outcome, reason, step, bestStep, bestDice, diceByClass, trainMs, stepMs, validationMs };
}
