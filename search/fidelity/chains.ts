import type { Point, TrialState } from '@voxhelm/contracts/trial';
import { type Direction, lossOf } from '../losses.ts';
import type { StudyTrial } from '../study.ts';
import { type CurvePrior, type Forecast, forecast } from './curve.ts';

/*
 * A configuration that is promoted goes on as a trial of its own, from the checkpoint of the one before: a chain of trials
 * is one configuration.
 */

/** One configuration with all that was trained of it. */
export interface Chain {
  /** The number of its first trial. */
  readonly root: number;
  readonly point: Readonly<Point>;
  readonly trials: readonly StudyTrial[];
  readonly state: TrialState;
  /** Steps trained to by finished trials of it. */
  readonly steps: number;
  /** Best loss so far; null where nothing finite was reported. */
  readonly loss: number | null;
  /** [step, loss], ascending. */
  readonly curve: readonly (readonly [number, number])[];
}

const OPEN: readonly TrialState[] = ['waiting', 'running'];
/** How a trial ends that may be continued or has told what it can. */
const TOLD: readonly TrialState[] = ['completed', 'pruned'];

/** True while a trainer has it or is awaited. */
export function isOpen({ state }: Pick<StudyTrial, 'state'>): boolean {
  return OPEN.includes(state);
}

/** The chains of a study's trials, by their first trial's number. */
export function chainsOf(trials: readonly StudyTrial[], direction: Direction): Chain[] {
  const byNumber = new Map(trials.map((trial) => [trial.number, trial]));
  const rootOf = (trial: StudyTrial): number => {
    const before = trial.continues === undefined ? undefined : byNumber.get(trial.continues);
    return before === undefined ? trial.number : rootOf(before);
  };
  const groups = new Map<number, StudyTrial[]>();
  for (const trial of [...trials].sort((a, b) => a.number - b.number)) {
    const root = rootOf(trial);
    groups.set(root, [...(groups.get(root) ?? []), trial]);
  }
  return [...groups].map(([root, own]) => chainOf(root, own, direction));
}

function chainOf(root: number, trials: readonly StudyTrial[], direction: Direction): Chain {
  const last = trials.at(-1) as StudyTrial;
  // A promotion that was lost leaves the configuration where it was before.
  const lost = trials.length > 1 && (last.state === 'failed' || last.state === 'cancelled');
  const told = trials.filter(({ state, value }) => TOLD.includes(state) && value !== null && Number.isFinite(value));
  const losses = told.map(({ value }) => lossOf(value as number, direction));
  const curve = trials
    .flatMap(({ reports }) => reports)
    .map(([step, value]) => [step, lossOf(value, direction)] as const)
    .sort((a, b) => a[0] - b[0]);
  return {
    root,
    point: last.point,
    trials,
    state: lost ? (trials.at(-2) as StudyTrial).state : last.state,
    steps: Math.max(
      0,
      ...told.map(({ state, steps, reports }) => (state === 'pruned' ? (reports.at(-1)?.[0] ?? 0) : steps)),
    ),
    loss: losses.length === 0 ? null : Math.min(...losses),
    curve,
  };
}

/** Where finished configurations ended: what an unfinished curve is expected to come to before it says otherwise. */
export function priorOf(chains: readonly Chain[], fullSteps: number): CurvePrior | null {
  const whole = chains.filter(({ steps, loss }) => steps >= fullSteps && loss !== null);
  const source = whole.length >= 3 ? whole : chains.filter(({ loss }) => loss !== null);
  const losses = source.map(({ loss }) => loss as number);
  if (losses.length === 0) return null;
  const sorted = [...losses].sort((a, b) => a - b);
  const mean = sorted[sorted.length >> 1] as number;
  const variance = losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / losses.length;
  return { mean, sd: Math.max(Math.sqrt(variance), 0.02 * Math.abs(mean), 1e-9) };
}

/** What a chain is expected to come to at the full number of steps. */
export function forecastOf(chain: Chain, fullSteps: number, prior: CurvePrior): Forecast {
  if (chain.loss === null) return { loss: prior.mean, sd: prior.sd };
  if (chain.steps >= fullSteps) return { loss: chain.loss, sd: 0 };
  const shared = chain.curve.filter(([step]) => step > 0).map(([step, loss]) => [step / fullSteps, loss] as const);
  const found = forecast(shared, prior);
  // The best checkpoint is what counts: training on cannot make it worse.
  if (shared.length === 0) return { loss: chain.loss, sd: prior.sd * (1 - chain.steps / fullSteps) };
  return { loss: Math.min(found.loss, chain.loss), sd: found.sd };
}
