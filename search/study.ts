import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Point, TrialState } from '@voxhelm/contracts/trial';
import { branchingOf } from './branches.ts';
import { type Codec, createCodec } from './codec.ts';
import { type Fidelity, nextStep } from './fidelity/schedule.ts';
import { type Direction, lossOf } from './losses.ts';
import { outcomesOf } from './observations.ts';
import { pruneByCurve } from './pruners/curve.ts';
import { pruneByMedian, pruneByPercentile } from './pruners/median.ts';
import { isStillStarting, type Pruner, type StopDecision } from './pruners/pruner.ts';
import { pruneByCases } from './pruners/wilcoxon.ts';
import { SAMPLERS, type SamplerName } from './samplers/pick.ts';
import { randomPoint } from './samplers/random.ts';
import type { Proposal, SamplerContext } from './samplers/sampler.ts';
import { checkPoint, compileSpace, hp, type Parameter, type SearchSpace } from './space.ts';

/*
 * A study: which configurations were tried and how they fared. Pure values and functions: the state is JSON, `ask` is a
 * function of (study, number), and every change returns a new study. One study a run, whose first parameter is the
 * algorithm. Another sampler or pruner is one more entry in a table: samplers/pick.ts, and
 * below.
 */

const PRUNERS = {
  median: pruneByMedian,
  percentile: pruneByPercentile,
  curve: pruneByCurve,
  wilcoxon: pruneByCases,
  // Nothing is stopped: what does not go on from its rung has ended.
  asha: () => ({ stop: false, reason: null }),
  hyperband: () => ({ stop: false, reason: null }),
  none: () => ({ stop: false, reason: null }),
} satisfies Record<string, Pruner>;

/** One trial as the study sees it. `value` is its final score (Dice: higher is better), null where it has none. */
export interface StudyTrial {
  readonly number: number;
  readonly point: Point;
  /** The steps that it is to train, those of the trial that it continues included. */
  readonly steps: number;
  /** The trial from whose last checkpoint it goes on. */
  readonly continues?: number;
  readonly state: TrialState;
  readonly value: number | null;
  /** Intermediate values as [step, value], ascending by step, one a step. */
  readonly reports: readonly (readonly [number, number])[];
  /** Values by case of each report, where they were told: [step, {case: value}]. */
  readonly caseReports?: readonly (readonly [number, Readonly<Record<string, number>>])[];
}

/** How a study searches. */
export interface StudySettings {
  readonly sampler: SamplerName;
  readonly pruner: keyof typeof PRUNERS;
  /** Trials that are foreseen: samplers explore in proportion to it. Absent: unknown. */
  readonly trials?: number;
  /** Absent: higher values are better (Dice). */
  readonly direction?: Direction;
  /** Configurations begin short and the best go on; absent: each trial trains its whole steps. */
  readonly fidelity?: Fidelity;
}

/** A study's whole state, as JSON. */
export interface Study {
  readonly schemaVersion: 1;
  readonly space: SearchSpace;
  readonly settings: StudySettings;
  readonly seed: number;
  /** Points asked for before the sampler is: the configured default of each algorithm. */
  readonly firstPoints: readonly Point[];
  readonly trials: readonly StudyTrial[];
}

/** An algorithm's part of a study: its name, its space, and the defaults of that space's parameters (names within it). */
export interface StudyAlgorithm {
  readonly name: string;
  readonly space: SearchSpace;
  readonly defaults: Readonly<Point>;
}

/** What {@link createStudy} needs. */
export interface StudyOptions {
  readonly algorithms: readonly StudyAlgorithm[];
  readonly settings: Study['settings'];
  readonly seed: number;
  /** Chooses points of the compiled space to try right after the defaults: what did well on similar datasets. */
  readonly warmPoints?: (parameters: readonly Parameter[]) => readonly Point[];
}

/** The space of a study over algorithms. */
export function spaceOver(algorithms: readonly Pick<StudyAlgorithm, 'name' | 'space'>[]): SearchSpace {
  return { algorithm: hp.choice(algorithms.map(({ name, space }) => ({ [name]: space }))) };
}

/**
 * A new study over algorithms, whose first parameter is `algorithm`. Trials 0 .. A-1 are the algorithms' defaults. Throws
 * `invalid-request` where a space or a default is wrong.
 */
export function createStudy({ algorithms, settings, seed, warmPoints }: StudyOptions): Study {
  if (algorithms.length === 0) throw new VoxhelmError('invalid-request', 'a study needs at least one algorithm');
  const space = spaceOver(algorithms);
  const defaults = algorithms.map(({ name, defaults }) => {
    const own = Object.entries(defaults).map(([key, value]) => [`${name}.${key}`, value] as const);
    return { algorithm: name, ...Object.fromEntries(own) };
  });
  const parameters = compileSpace(space);
  const known = new Set(defaults.map((point) => JSON.stringify(point)));
  const warm = (warmPoints?.(parameters) ?? []).filter((point) => !known.has(JSON.stringify(point)));
  const firstPoints = [...defaults, ...warm];
  for (const point of firstPoints) checkPoint(parameters, point);
  return { schemaVersion: 1, space, settings, seed, firstPoints, trials: [] };
}

/** Codecs of spaces that were asked before: reading a space anew for each ask costs more than some samplers. */
const codecs = new WeakMap<SearchSpace, Codec>();

function codecOf(space: SearchSpace): Codec {
  const known = codecs.get(space);
  if (known !== undefined) return known;
  const codec = createCodec(compileSpace(space));
  codecs.set(space, codec);
  return codec;
}

/** Which of the first points a trial's is: trials that went on from others take none. */
function firstIndex({ trials }: Study, number: number): number {
  const promoted = trials.filter((trial) => trial.number < number && trial.continues !== undefined).length;
  return number - promoted;
}

/** What trial `number` should try, and which rule says so: a pure function of the study and the number. */
export function propose(study: Study, number: number): Proposal {
  if (!Number.isInteger(number) || number < 0) {
    throw new VoxhelmError('invalid-request', `trial number ${number} is no whole number >= 0`);
  }
  const first = study.firstPoints[firstIndex(study, number)];
  if (first !== undefined) return { point: { ...first }, source: 'default' };
  const { seed, trials, settings } = study;
  const outcomes = outcomesOf(
    trials.filter((trial) => trial.number !== number),
    settings.direction ?? 'maximize',
    settings.fidelity?.rungs.at(-1) ?? null,
  );
  const context = { codec: codecOf(study.space), seed, number, budget: settings.trials ?? null, ...outcomes };
  const proposal = SAMPLERS[settings.sampler](context);
  return settings.sampler === 'random' ? proposal : unlessTaken(context, proposal);
}

/** What a trial is to be: a new configuration or one that goes on, and to how many steps it trains. */
export interface NextTrial extends Proposal {
  readonly steps: number | null;
  /** The number of the trial that it goes on from. */
  readonly continues: number | null;
}

/**
 * Trial `number` of a study whose configurations may begin short; null where its steps are spent. `steps` is null where
 * the study leaves the length to its caller.
 */
export function nextTrial(study: Study, number: number): NextTrial | null {
  const { fidelity, direction } = study.settings;
  if (fidelity === undefined) return { ...propose(study, number), steps: null, continues: null };
  const others = study.trials.filter((trial) => trial.number !== number);
  const next = nextStep(fidelity, others, number, study.seed, direction ?? 'maximize', branchNamer(study));
  if (next === null) return null;
  if (next.kind === 'promote') {
    const { point, number: from } = next.from;
    return { point: { ...point }, source: 'promotion', steps: next.steps, continues: from };
  }
  return { ...propose(study, number), steps: next.steps, continues: null };
}

/** Names the algorithm (or whatever the first branching choice is) of a point. */
function branchNamer({ space }: Study): (point: Readonly<Point>) => string {
  const codec = codecOf(space);
  const branching = branchingOf(codec);
  const path = branching === null ? undefined : codec.dimensions[branching.dimension]?.parameter.path;
  return (point) => (path === undefined ? '' : String(point[path]));
}

/** Draws tried for a point that nobody has, where a model proposes one that was tried: a small space may be used up. */
const DRAWS_FOR_ANOTHER = 50;

/** The proposal, or a random point in its place where it was tried before. */
function unlessTaken({ codec, seed, number, ...outcomes }: SamplerContext, proposal: Proposal): Proposal {
  const points = [...outcomes.told.map(({ point }) => point), ...outcomes.pending, ...outcomes.failed];
  const taken = new Set(points.map((point) => JSON.stringify(codec.decode(codec.encode(point)))));
  if (!taken.has(JSON.stringify(proposal.point))) return proposal;
  for (let draw = 0; draw < DRAWS_FOR_ANOTHER; draw++) {
    const point = randomPoint(codec, seed, number, 'another', draw);
    if (!taken.has(JSON.stringify(point))) return { point, source: 'random' };
  }
  return proposal;
}

/** The point of trial `number`: the one that it has where it was begun, otherwise {@link propose}'s. Asking again gives the same. */
export function ask(study: Study, number: number): Point {
  const known = study.trials.find((trial) => trial.number === number)?.point;
  return known === undefined ? propose(study, number).point : { ...known };
}

/** The study with trial `number` begun; unchanged where it was begun before. Throws `invalid-request` at an impossible point. */
export function start(
  study: Study,
  number: number,
  point: Point,
  steps: number,
  continues: number | null = null,
): Study {
  if (study.trials.some((trial) => trial.number === number)) return study;
  checkPoint(compileSpace(study.space), point);
  const begun: StudyTrial = { number, point, steps, state: 'running', value: null, reports: [] };
  const trial = continues === null ? begun : { ...begun, continues };
  return { ...study, trials: [...study.trials, trial].sort((a, b) => a.number - b.number) };
}

function trialOf(study: Study, number: number): StudyTrial {
  const trial = study.trials.find((candidate) => candidate.number === number);
  if (trial === undefined) throw new VoxhelmError('not-found', `the study has no trial ${number}`);
  return trial;
}

function replaceTrial(study: Study, changed: StudyTrial): Study {
  return { ...study, trials: study.trials.map((trial) => (trial.number === changed.number ? changed : trial)) };
}

/** The study with an intermediate value of a trial. A step reported again keeps its first value: attempts repeat steps. */
export function report(
  study: Study,
  number: number,
  step: number,
  value: number,
  cases?: Readonly<Record<string, number>>,
): Study {
  const trial = trialOf(study, number);
  if (!Number.isFinite(value) || trial.reports.some(([known]) => known === step)) return study;
  const reports = [...trial.reports, [step, value] as const].sort((a, b) => a[0] - b[0]);
  const caseReports = cases === undefined ? trial.caseReports : [...(trial.caseReports ?? []), [step, cases] as const];
  return replaceTrial(study, { ...trial, reports, ...(caseReports === undefined ? {} : { caseReports }) });
}

/** The study with a trial's end. A value that is not finite counts as none, so that NaN can never be the best. */
export function tell(study: Study, number: number, state: TrialState, value: number | null): Study {
  const finite = value !== null && Number.isFinite(value) ? value : null;
  return replaceTrial(study, { ...trialOf(study, number), state, value: finite });
}

/** Whether a running trial should end after its report at `step`. Nobody is stopped for being slow to start. */
export function shouldStop(study: Study, number: number, step: number): StopDecision {
  const direction = study.settings.direction ?? 'maximize';
  const trial = trialOf(study, number);
  if (isStillStarting(study.trials, trial, step, direction)) return { stop: false, reason: null };
  return PRUNERS[study.settings.pruner](study.trials, trial, step, direction);
}

/** The completed trial with the best value, the earlier one where two are level; null where none completed. */
export function bestTrial(study: Study, algorithm?: string): StudyTrial | null {
  const loss = ({ value }: StudyTrial) => lossOf(value as number, study.settings.direction ?? 'maximize');
  let best: StudyTrial | null = null;
  for (const trial of study.trials) {
    if (trial.state !== 'completed' || trial.value === null) continue;
    if (algorithm !== undefined && trial.point['algorithm'] !== algorithm) continue;
    if (best === null || loss(trial) < loss(best)) best = trial;
  }
  return best;
}
