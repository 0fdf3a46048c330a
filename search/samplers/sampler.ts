import type { Point } from '@voxhelm/contracts/trial';
import type { Codec } from '../codec.ts';

/** A trial whose outcome a model can learn from. */
export interface Observation {
  readonly number: number;
  readonly point: Readonly<Point>;
  /** Lower is better; finite. */
  readonly loss: number;
  /** Standard deviation of what is not known yet of it (a curve that was extrapolated); 0 where it is final. */
  readonly doubt: number;
  /** The share of its steps that it trained. */
  readonly fraction: number;
  /** True where it diverged, and `loss` is the worst finite one that others had. */
  readonly diverged: boolean;
}

/** What a sampler may look at: everything an ask depends on. */
export interface SamplerContext {
  readonly codec: Codec;
  readonly seed: number;
  /** The number of the trial that is asked for: every draw is keyed by it. */
  readonly number: number;
  /** Trials that the study foresees; null where nobody knows. */
  readonly budget: number | null;
  /** By number. */
  readonly told: readonly Observation[];
  /** Trials that were begun and have no outcome yet. */
  readonly pending: readonly Readonly<Point>[];
  /** Trials that failed for no reason that a loss could express (lost workers, errors). */
  readonly failed: readonly Readonly<Point>[];
}

/** A proposed point and which rule made it. */
export interface Proposal {
  readonly point: Point;
  readonly source: 'default' | 'random' | 'sobol' | 'tpe' | 'gp' | 'cmaes' | 'promotion';
}

/** Proposes the next point: a pure function of its context. */
export type Sampler = (context: SamplerContext) => Proposal;
