import type { Direction } from '../losses.ts';
import type { StudyTrial } from '../study.ts';

/** Whether a trial should end early, and why, for people to read. */
export interface StopDecision {
  readonly stop: boolean;
  readonly reason: string | null;
}

/** Judges a running trial after its report at `step` against the study's trials: a pure function. */
export type Pruner = (
  trials: readonly StudyTrial[],
  trial: StudyTrial,
  step: number,
  direction: Direction,
) => StopDecision;
