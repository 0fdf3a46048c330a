import type { Point } from '@voxhelm/contracts/trial';
import { chainsOf, forecastOf, priorOf } from './fidelity/chains.ts';
import type { Direction } from './losses.ts';
import type { Observation } from './samplers/sampler.ts';
import type { StudyTrial } from './study.ts';

/** A study's trials as samplers see them. */
export interface Outcomes {
  readonly told: readonly Observation[];
  readonly pending: readonly Readonly<Point>[];
  readonly failed: readonly Readonly<Point>[];
}

/**
 * Sorts configurations: what trained in whole is told; what was stopped or waits on a rung is told as its curve is expected
 * to end, with its doubt; a divergence counts as the worst finite loss; one lost to a worker or an error counts for nothing
 * but the chance to fail there; a cancelled one for nothing at all. `fullSteps` null: each trial's own steps are whole.
 */
export function outcomesOf(trials: readonly StudyTrial[], direction: Direction, fullSteps: number | null): Outcomes {
  const chains = chainsOf(trials, direction);
  const finite = chains.flatMap(({ loss }) => (loss === null ? [] : [loss]));
  const worst = finite.length === 0 ? null : Math.max(...finite);
  const told: Observation[] = [];
  const pending: Point[] = [];
  const failed: Point[] = [];
  for (const chain of chains) {
    const { root, point, state, loss } = chain;
    const ownSteps = chain.trials.at(-1)?.steps ?? 1;
    const whole = fullSteps ?? ownSteps;
    if (state === 'cancelled') continue;
    if (state === 'failed') failed.push(point);
    else if (state === 'diverged' || (loss === null && state !== 'running' && state !== 'waiting')) {
      if (worst === null) failed.push(point);
      else told.push({ number: root, point, loss: worst, doubt: 0, fraction: 1, diverged: true });
    } else if (loss === null) pending.push(point);
    else {
      const prior = priorOf(chains, whole) ?? { mean: loss, sd: 0 };
      const found = forecastOf(chain, whole, prior);
      const fraction = Math.min(1, chain.steps / whole);
      told.push({ number: root, point, loss: found.loss, doubt: found.sd, fraction, diverged: false });
    }
  }
  return { told, pending, failed };
}
