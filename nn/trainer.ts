import { setImmediate } from 'node:timers/promises';
import type { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { decodeLast, encodeBest, encodeLast, type Progress } from './checkpoint.ts';
import { startState } from './initialize.ts';
import type { Network } from './network.ts';
import { Abandoned, cancelledAfter, finishesUnlessAborted, Saves, usingEngine } from './patience.ts';
import { learningRateFactor } from './schedules.ts';
import { flatCurve } from './stop-early.ts';
import {
  type Batch,
  type OpenEngine,
  openEngine,
  type StartState,
  type StateValues,
  type TrainingEngine,
} from './training-engine.ts';
import { stateGroups } from './training-state.ts';
import { createWindowPredictor, type Predictor } from './window-predictor.ts';

/*
 * The training of one trial: read on from `trainLoop`. Steps count from 1; a checkpoint of step n has done n steps.
 */

/** A validation's outcome: mean Dice over the foreground classes, and each class's by its label value. */
export interface ValidationScore {
  readonly dice: number | null;
  readonly diceByClass: Record<string, number | null>;
  /** Each case's mean Dice by its id, where the caller tells them. */
  readonly diceByCase?: Readonly<Record<string, number>>;
}

/** What a training needs of the world around it. */
export interface TrainLoopOptions {
  readonly network: Network;
  readonly plan: Plan;
  readonly seed: number;
  /** A "last" checkpoint of the same plan, or null to start anew. */
  readonly startFrom: Uint8Array | null;
  /** The last step to do, where it lies before the plan's: the training is then complete for now, and can go on later. */
  readonly until?: number;
  /** Values (PyTorch's layout) that parameters begin with in place of drawn ones; a "last" checkpoint goes before them. */
  readonly initialWeights?: StateValues;
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
    diceByCase?: Readonly<Record<string, number>>;
    validationMs: number;
  }): Promise<{ stop: boolean; reason: string | null }>;
  saveLast(bytes: Uint8Array, step: number): Promise<void>;
  saveBest(bytes: Uint8Array, step: number, dice: number | null): Promise<void>;
  /**
   * When aborted, the loop saves "last" and rejects with code `cancelled` after the step it is in where steps are short; else
   * it rejects at once, and goes on later from what was saved at most a minute ago.
   */
  readonly signal: AbortSignal;
  /** When the training must be over, its stored predictions included, whatever the plan's steps; absent: no matter when. */
  readonly ends?: {
    /** Milliseconds since 1970. */
    readonly atMs: number;
    /** What a validation is expected to take, until one has been timed; storing predictions takes as long. */
    readonly validationMs: number;
    /** Steps that are done in any case. */
    readonly leastSteps: number;
  };
  /** Who computes; by default the plan's engine in this thread. */
  readonly openEngine?: OpenEngine;
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
  /** Time that the loop waited for batches: the device stood still. */
  readonly waitMs: number;
  readonly stepMs: number;
  readonly validationMs: number;
}

/** Steps between two readings of the loss. */
const LOSS_EVERY_STEPS = 10;

/** What a training begins with. The state is let go once the engine has it: it is as large as the optimizer's. */
interface Begun {
  readonly progress: Progress;
  state: StartState | null;
}

interface Training {
  readonly options: TrainLoopOptions;
  readonly engine: TrainingEngine;
  readonly saves: Saves;
  progress: Progress;
  /** How long the last validation took; null before the first. */
  validationMs: number | null;
}

/**
 * Trains by a plan to its last step: batch, step, now and then a validation and a checkpoint. Deterministic: from a "last"
 * checkpoint it computes what it would have computed without the interruption, bit for bit in the eager engine and to
 * rounding in the compiled one, on the same device.
 * Returns `diverged` (naming the step) where the loss is NaN or infinite, `pruned` where `onValidation` says stop. Rejects with
 * `cancelled` when the signal aborts, after saving "last"; with `bad-checkpoint` where `startFrom` is of another plan.
 */
export async function trainLoop(options: TrainLoopOptions): Promise<TrainLoopResult> {
  const { network, plan, signal } = options;
  const begun = start(options);
  const opening = (options.openEngine ?? openEngine)(network, plan);
  const cancelled = (): VoxhelmError => cancelledAfter('training', begun.progress.step);
  return usingEngine(opening, signal, cancelled, async (engine) => {
    const { progress, state } = begun;
    begun.state = null;
    if (state !== null) await engine.assign(state);
    return run({ options, engine, progress, saves: new Saves(progress.step), validationMs: null });
  });
}

async function run(training: Training): Promise<TrainLoopResult> {
  const { options } = training;
  const { validateEverySteps, checkpointEverySteps } = options.plan.training;
  const steps = lastStep(options);
  // A process may have died between a checkpoint and its training's end.
  const ended = flat(training);
  if (ended !== null) return result(training, 'completed', ended);
  if (training.progress.step === 0 && timeIsUp(training)) {
    return result(training, 'pruned', "the run's budget left no time for it");
  }
  let coming = prefetch(options, training.progress.step + 1);
  while (training.progress.step < steps) {
    const step = training.progress.step + 1;
    const waitStarted = performance.now();
    const batch = await coming;
    const waitMs = performance.now() - waitStarted;
    coming = prefetch(options, step + 1);
    const stepMs = await runStep(training, batch, step);
    training.progress = { ...training.progress, waitMs: training.progress.waitMs + waitMs };
    options.onStep?.({ step, learningRate: learningRateOf(options.plan, step), stepMs, waitMs });

    const validates = step % validateEverySteps === 0 || step === steps || timeIsUp(training);
    const isDue = training.saves.afterStep(stepMs);
    const saves = validates || isDue || step % checkpointEverySteps === 0;
    if (saves || step % LOSS_EVERY_STEPS === 0) {
      const fault = await checkLoss(training);
      if (fault !== null) return result(training, 'diverged', fault);
    }
    const verdict = validates ? await validate(training) : null;
    if (saves) await saveLast(training);
    if (verdict?.stop === true) return result(training, 'pruned', verdict.reason);
    const ended = validates ? (flat(training) ?? late(training)) : null;
    if (ended !== null) return result(training, 'completed', ended);

    await setImmediate();
    if (options.signal.aborted && step < steps) await cancel(training, saves);
  }
  return result(training, 'completed', null);
}

/** Why the training needs no further step, where its plan stops flat curves. */
function flat({ options, progress }: Training): string | null {
  const { steps, stopEarly } = options.plan.training;
  return flatCurve(stopEarly ?? null, steps, progress.curve);
}

/** True where a further step would leave too little time for what comes after the last one: a validation and the predictions. */
function timeIsUp({ options, progress, validationMs }: Training): boolean {
  const { ends } = options;
  if (ends === undefined || progress.step < ends.leastSteps) return false;
  return Date.now() + 2 * (validationMs ?? ends.validationMs) >= ends.atMs;
}

/** Why the training ends with this validation, where time is up before its last step. */
function late(training: Training): string | null {
  const { options, progress } = training;
  if (progress.step >= lastStep(options) || !timeIsUp(training)) return null;
  return `ended at step ${progress.step} of ${options.plan.training.steps}, in time for the run's budget`;
}

function start(options: TrainLoopOptions): Begun {
  const { network, plan, seed, startFrom, initialWeights } = options;
  if (startFrom !== null) return decodeLast(network, plan, startFrom);
  const none = { bestStep: null, bestDice: null, diceByClass: {}, curve: [] };
  const progress = { step: 0, seed, ...none, trainMs: 0, waitMs: 0, validationMs: 0 };
  return { state: startState(seed, stateGroups(plan), initialWeights), progress };
}

/** The step that ends this training. */
function lastStep({ until, plan }: TrainLoopOptions): number {
  return Math.min(until ?? plan.training.steps, plan.training.steps);
}

/** Asks for the batch of a step, so that it is made while the step before computes. Past the last step there is none. */
function prefetch(options: TrainLoopOptions, step: number): Promise<Batch> {
  if (step > lastStep(options)) return Promise.resolve({ image: new Float32Array(), classes: new Uint8Array() });
  const batch = options.nextBatch(step);
  // A failure is seen when the batch is awaited; where the loop ends before that, nobody needs it.
  batch.catch(() => undefined);
  return batch;
}

function learningRateOf(plan: Plan, step: number): number {
  return plan.training.learningRate * learningRateFactor(plan.training, step - 1);
}

/** Runs one step and returns its milliseconds. Where it is long and a stop is asked for meanwhile, it is left alone. */
async function runStep(training: Training, batch: Batch, step: number): Promise<number> {
  const { engine, options } = training;
  const started = performance.now();
  const stepping = engine.step(batch, {
    step,
    seed: training.progress.seed,
    learningRate: learningRateOf(options.plan, step),
  });
  if (training.saves.mayAbandon && !(await finishesUnlessAborted(stepping, options.signal))) {
    throw new Abandoned(cancelledAfter('training', training.saves.step));
  }
  await stepping;
  const stepMs = performance.now() - started;
  training.progress = { ...training.progress, step, trainMs: training.progress.trainMs + stepMs };
  return stepMs;
}

/** Checks the losses since the last look at them. Returns what is wrong, or null. */
async function checkLoss(training: Training): Promise<string | null> {
  const { step } = training.progress;
  const { diverged, loss } = await training.engine.status();
  if (diverged !== null) return `the loss was ${diverged.loss ?? 'no number'} at step ${diverged.step}`;
  // Only at fixed steps, so that a resumed training reports the same points.
  if (step % LOSS_EVERY_STEPS === 0 || step === lastStep(training.options)) {
    training.options.onLoss?.(step, loss);
  }
  return null;
}

/** Scores the current weights, keeps them where they are the best so far, and asks whether to stop. */
async function validate(training: Training): Promise<{ stop: boolean; reason: string | null }> {
  const { engine, options, progress } = training;
  const { network, plan } = options;
  const predictor = createWindowPredictor(network, plan, engine.predict);
  const started = performance.now();
  const { dice, diceByClass, diceByCase } = await options.validate(predictor, progress.step);
  const validationMs = performance.now() - started;
  training.validationMs = validationMs;
  const best = progress.bestStep === null || (dice ?? -1) > (progress.bestDice ?? -1);
  if (best) {
    const bytes = encodeBest(network, await engine.weights(), progress.step, dice);
    await options.saveBest(bytes, progress.step, dice);
  }
  training.progress = {
    ...progress,
    validationMs: progress.validationMs + validationMs,
    curve: [...progress.curve, ...(dice === null ? [] : [[progress.step, dice] as [number, number]])],
    ...(best ? { bestStep: progress.step, bestDice: dice, diceByClass } : {}),
  };
  const told = { step: progress.step, dice, diceByClass, validationMs };
  const verdict = await options.onValidation?.(diceByCase === undefined ? told : { ...told, diceByCase });
  return verdict ?? { stop: false, reason: null };
}

async function saveLast({ engine, options, progress, saves }: Training): Promise<void> {
  await saves.save(progress.step, async () => {
    await options.saveLast(encodeLast(options.network, options.plan, await engine.state(), progress), progress.step);
  });
}

async function cancel(training: Training, saved: boolean): Promise<never> {
  if (!saved) await saveLast(training);
  throw cancelledAfter('training', training.progress.step);
}

function result(training: Training, outcome: TrainLoopResult['outcome'], reason: string | null): TrainLoopResult {
  const { step, bestStep, bestDice, diceByClass, trainMs, waitMs, validationMs } = training.progress;
  const stepMs = step === 0 ? 0 : trainMs / step;
  return { outcome, reason, step, bestStep, bestDice, diceByClass, trainMs, waitMs, stepMs, validationMs };
}
