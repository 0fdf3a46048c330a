import type { Point } from '@voxhelm/contracts/trial';
import type { Parameter } from '../space.ts';
import type { StudyTrial } from '../study.ts';

/** What a sampler may look at. A model-based one reads `trials`; a random one does not. */
export interface SamplerContext {
  readonly parameters: readonly Parameter[];
  readonly seed: number;
  /** The number of the trial that is asked for: every draw is keyed by it. */
  readonly number: number;
  readonly trials: readonly StudyTrial[];
}

/** Proposes the next point: a pure function of its context. */
export type Sampler = (context: SamplerContext) => Point;
