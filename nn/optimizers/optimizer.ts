import type { Plan } from '@voxhelm/contracts/plan';
import type { Tensor } from '../engine.ts';
import type { Parameters } from '../network.ts';

/*
 * Optimizers. Each is a rule: a pure function of tensors, the same whoever computes. create-optimizer.ts holds weights and
 * slots for the eager engine; a compiled program (compiled/updates.ts) applies the same formulas by fused kernels.
 */

/** An optimizer with what stays the same over a training. */
export type OptimizerSpec =
  | {
      readonly name: 'adamw';
      readonly weightDecay: number;
      readonly learningRate: number;
      /** PyTorch's 0.9 and 0.999 where absent; others in compiled programs only. */
      readonly betas?: readonly [number, number];
    }
  | { readonly name: 'sgd-nesterov'; readonly weightDecay: number; readonly momentum: number };

/** What changes from step to step. */
export interface StepNumbers {
  readonly learningRate: number;
  /** Number of the step, from 1. */
  readonly step: number;
}

/** The formula of an optimizer. */
export interface UpdateRule {
  /** The numbers of a step that {@link UpdateRule.update} takes as scalar tensors, in their order. */
  scalars(numbers: StepNumbers): readonly number[];
  /** The new weight, then the new slots in the order of {@link slotNames}. Pure; all of one shape. */
  update(weight: Tensor, gradient: Tensor, slots: readonly Tensor[], scalars: readonly Tensor[]): readonly Tensor[];
}

/** Weights and each slot by its name: "weights", then those of {@link slotNames}. */
export type OptimizerState = ReadonlyMap<string, Parameters>;

/** Weights and slots with the rule that moves them. */
export interface Optimizer {
  /** The weights as they are now; the caller disposes (they stay valid and unchanged after later steps). */
  weights(): Parameters;
  /** Weights and slots, to be saved; the caller disposes. */
  state(): OptimizerState;
  /** One step by gradients of the weights' names; the gradients stay the caller's. */
  apply(gradients: ReadonlyMap<string, Tensor>, numbers: StepNumbers): void;
  /** Takes differences away from the weights of their names, by no rule: running statistics. They stay the caller's. */
  subtract(differences: ReadonlyMap<string, Tensor>): void;
  dispose(): void;
}

/** Names of the slots that an optimizer keeps for each weight, as PyTorch and our checkpoints name them. */
export function slotNames(optimizer: Pick<OptimizerSpec, 'name'>): readonly string[] {
  return optimizer.name === 'adamw' ? ['exp_avg', 'exp_avg_sq'] : ['momentum_buffer'];
}

/** The optimizer that a plan names. */
export function optimizerOf(training: Plan['training']): OptimizerSpec {
  const { learningRate, momentum, optimizer: name, weightDecay } = training;
  return name === 'adamw' ? { name, weightDecay, learningRate } : { name, weightDecay, momentum };
}
