import type { Plan } from '@voxhelm/contracts/plan';
import type { Network } from './network.ts';

/*
 * What the training loop asks of whatever computes. Two engines answer: the eager one (eager-engine.ts, op by op, the
 * reference and what a debugger wants) and the compiled one (compiled-engine.ts, one graph a step). Either may run in a
 * thread of its own (engine-thread.ts). State crosses as plain arrays, so a training can go on in another engine.
 */

/** Values by parameter name, in PyTorch's layout, as checkpoint files hold them. */
export type StateValues = ReadonlyMap<string, Float32Array>;

/**
 * All that a step starts from: "weights", the optimizer's slots by PyTorch's names ("exp_avg", "exp_avg_sq"), and "ema" where
 * the plan keeps a running mean of the weights; each with a value for every parameter, or all zeros without an array.
 */
export type EngineState = ReadonlyMap<string, StateValues | 'zeros'>;

/**
 * Weights that an engine draws by itself, parameter by parameter, where it keeps them: of a large network their values are
 * gigabytes, which then are in memory once. `given`: values in place of drawn ones, by parameter.
 */
export interface DrawnWeights {
  readonly seed: number;
  readonly given: StateValues;
}

/** What a training begins with: a state, or weights that are still to be drawn. */
export type StartState = ReadonlyMap<string, StateValues | 'zeros' | DrawnWeights>;

/**
 * What a step trains on, in host memory: image [item, x, y, z, channel], class indices [item, x, y, z]. Its items are as many
 * micro-batches of the plan's batch size as the plan accumulates.
 */
export interface Batch {
  readonly image: Float32Array;
  readonly classes: Uint8Array;
}

/** What changes from step to step. */
export interface StepNumbers {
  /** From 1: for the optimizer's bias correction. */
  readonly step: number;
  /** Of the training: with the step, what random layers draw from. */
  readonly seed: number;
  readonly learningRate: number;
}

/** What is read back of a training now and then. */
export interface EngineStatus {
  /** Of the last step. */
  readonly loss: number;
  /** The first step whose loss was NaN or infinite, and that loss where it is still known. */
  readonly diverged: { readonly step: number; readonly loss: number | null } | null;
}

/** Windows [count, x, y, z, channel] to logits [count, x, y, z, class]. */
export type WindowFunction = (windows: Float32Array, count: number) => Promise<Float32Array>;

/** Something that trains one network by one plan. All calls are done in the order in which they were made. */
export interface TrainingEngine {
  /** Names of the groups of its state. */
  readonly groups: readonly string[];
  /** Takes a state over, before the first step. */
  assign(state: StartState): Promise<void>;
  state(): Promise<EngineState>;
  /** The weights that predict. */
  weights(): Promise<StateValues>;
  /** One step. Nothing is read back: a loss that is no number shows in {@link TrainingEngine.status}. */
  step(batch: Batch, numbers: StepNumbers): Promise<void>;
  status(): Promise<EngineStatus>;
  readonly predict: WindowFunction;
  /** Frees what it holds; a step under way is waited for. */
  close(): Promise<void>;
}

/** Who computes a training, and how exactly. */
export interface EngineChoice {
  readonly engine: 'eager' | 'compiled';
  /** Of convolutions and products; the eager engine knows float32 only. */
  readonly precision: 'float32' | 'bfloat16';
}

/** Opens an engine for a plan's training. */
export type OpenEngine = (network: Network, plan: Plan) => Promise<TrainingEngine>;

/** The variable that makes all computing eager, for whoever looks for a fault. */
const ENGINE_VARIABLE = 'VOXHELM_ENGINE';

/** The engine for a plan: compiled in the plan's precision, or eager in float32 where `VOXHELM_ENGINE` is "eager". */
export function engineChoice(plan: {
  readonly training: { readonly precision?: EngineChoice['precision'] };
}): EngineChoice {
  if (process.env[ENGINE_VARIABLE] === 'eager') return { engine: 'eager', precision: 'float32' };
  return { engine: 'compiled', precision: plan.training.precision ?? 'float32' };
}

/** Opens the engine of a choice in this thread; it computes where it is called, so `step` blocks. */
export async function openEngine(network: Network, plan: Plan, choice = engineChoice(plan)): Promise<TrainingEngine> {
  // Loaded when asked for: a process that only asks another thread to compute needs no TensorFlow.
  if (choice.engine === 'eager') return (await import('./eager-engine.ts')).openEagerEngine(network, plan);
  return (await import('./compiled-engine.ts')).openCompiledEngine(network, plan, choice.precision);
}
