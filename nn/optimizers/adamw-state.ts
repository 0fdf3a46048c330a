import type { Tensor } from '../engine.ts';
import type { Parameters } from '../network.ts';

/** PyTorch's standard values. */
export const BETA1 = 0.9;
export const BETA2 = 0.999;
export const ADAM_EPSILON = 1e-8;

/** Weights with the moments of their gradients. */
export interface AdamwState {
  readonly weights: Parameters;
  /** Exponential mean of the gradient ("exp_avg"). */
  readonly mean: Parameters;
  /** Exponential mean of the squared gradient ("exp_avg_sq"). */
  readonly square: Parameters;
}

/** What changes from step to step, as plain numbers that become scalar tensors. */
export interface AdamwScalars {
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Number of this step, from 1: for the bias correction. */
  readonly t: number;
}

/** An optimizer that holds weights and moments. */
export interface Adamw {
  /** The weights as they are now; the caller disposes (they stay valid and unchanged after later steps). */
  weights(): Parameters;
  /** Weights and moments, to be saved; the caller disposes. */
  state(): AdamwState;
  /** One step by gradients of the weights' names; the gradients stay the caller's. */
  apply(gradients: ReadonlyMap<string, Tensor>, scalars: AdamwScalars): void;
  dispose(): void;
}
