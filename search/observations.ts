import type { Point } from '@voxhelm/contracts/trial';
import type { Observation } from './samplers/sampler.ts';
import type { StudyTrial } from './study.ts';

/** A study's trials as samplers see them. */
export interface Outcomes {
  readonly told: readonly Observation[];
  readonly pending: readonly Readonly<Point>[];
  readonly failed: readonly Readonly<Point>[];
}

/** Whether higher values are better. */
export type Direction = 'maximize' | 'minimize';

/** A value as a loss, and back: lower losses are better. */
export function lossOf(value: number, direction: Direction): number {
  return direction === 'maximize' ? -value : value;
}

/** The doubt of a trial that was stopped: this share of the spread of final losses for each share of its steps not trained. */
const STOPPED_DOUBT = 0.5;

/**
 * Sorts trials: completed ones and stopped ones (with doubt) are told; a divergence counts as the worst finite loss; one
 * lost to a worker or an error counts for nothing but the chance to fail there; a cancelled one for nothing at all.
 */
export function outcomesOf(trials: readonly StudyTrial[], direction: Direction): Outcomes {
  const finite = trials.flatMap(({ state, value }) =>
    (state === 'completed' || state === 'pruned') && value !== null && Number.isFinite(value)
      ? [lossOf(value, direction)]
      : [],
  );
  const worst = finite.length === 0 ? null : Math.max(...finite);
  const spread = worst === null ? 0 : worst - Math.min(...finite);
  const told: Observation[] = [];
  const pending: Point[] = [];
  const failed: Point[] = [];
  for (const trial of trials) {
    const { state, point, number, value } = trial;
    if (state === 'waiting' || state === 'running') pending.push(point);
    else if (state === 'failed') failed.push(point);
    else if (state === 'cancelled') continue;
    else if (state === 'diverged' || value === null || !Number.isFinite(value)) {
      if (worst === null) failed.push(point);
      else told.push({ number, point, loss: worst, doubt: 0, fraction: 1, diverged: true });
    } else {
      const last = trial.reports.at(-1)?.[0] ?? trial.steps;
      const fraction = state === 'completed' ? 1 : Math.min(1, last / trial.steps);
      const doubt = STOPPED_DOUBT * spread * (1 - fraction);
      told.push({ number, point, loss: lossOf(value, direction), doubt, fraction, diverged: false });
    }
  }
  return { told, pending, failed };
}
