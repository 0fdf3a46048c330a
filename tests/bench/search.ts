import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { normalFrom, streamByKeys, uniformByKeys } from '@voxhelm/search/random';
import { hp } from '@voxhelm/search/space';
import { runAnchor } from './search/anchor.ts';
import { CURVE_METHODS, CURVE_PROBLEMS, type CurveProblem, runCurves } from './search/curves.ts';
import { type BenchFunction, FUNCTIONS } from './search/functions.ts';
import { readOptions, type SearchBenchOptions } from './search/options.ts';
import { OPTUNA, OPTUNA_CURVES } from './search/optuna.ts';
import { bestOf, type Objective, quantile, runStudy, type StudyRun, shown } from './search/study-run.ts';

/*
 * One JSON line a function, regrets over the seeds beside Optuna's. With `--objective FILE.mjs`: one JSON line a seed, for the module's own
 * `space(hp)` and `objective(point)`. With `--anchor PYTHON`, a Python that has Optuna, `[--anchor-sampler tpe|gp]` searches
 * beside ours on the same objective.
 */

const MARKS = [10, 20, 40, 60];
const NOISE_SD = 0.01;
const FAILING_SHARE = 0.1;

function print(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** For `--help`. */
export const ABOUT =
  "Searches on functions and learning curves whose best is known, beside Optuna's figures: a JSON line a function.";

export { OPTIONS } from './search/options.ts';

/** See the head of this file. */
export async function main(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options.objective !== null) {
    await benchObjective(options.objective, options);
    return;
  }
  const names = options.functions ?? [...Object.keys(FUNCTIONS), 'noisy', 'failing', ...Object.keys(CURVE_PROBLEMS)];
  for (const name of names) {
    const problem = CURVE_PROBLEMS[name]?.();
    if (problem === undefined) await benchFunction(name, options);
    else benchCurves(name, problem, options);
  }
}

/** A module of the user's: the best value so far at 20, 40, 60 trials, seed by seed. */
async function benchObjective(file: string, options: SearchBenchOptions): Promise<void> {
  const module = (await import(pathToFileURL(resolve(file)).href)) as {
    space?: (language: typeof hp) => unknown;
    objective?: (point: unknown) => unknown;
  };
  const { space, objective } = module;
  if (typeof space !== 'function' || typeof objective !== 'function') {
    throw new Error(`${file} must export the functions space(hp) and objective(point)`);
  }
  const own: Objective = (point) => objective(point);
  const both: { ours: StudyRun[]; anchor: StudyRun[] } = { ours: [], anchor: [] };
  for (let seed = 0; seed < options.seeds; seed++) {
    const run = await runStudy(space(hp), own, seed, options);
    both.ours.push(run);
    print({ seed, ...seedLine(run, options.trials) });
    if (options.anchor === null) continue;
    const anchor = await runAnchor(options.anchor, options.anchorSampler, space(hp), own, seed, options);
    both.anchor.push(anchor);
    print({ seed, by: `optuna ${options.anchorSampler}`, ...seedLine(anchor, options.trials) });
  }
  if (options.anchor !== null) print({ file, ...comparison(both.ours, both.anchor, options) });
}

/** The best value so far at 20, 40 and 60 trials of one study. */
function seedLine({ values, askMs }: StudyRun, trials: number): Record<string, unknown> {
  const marks = MARKS.slice(1).filter((mark) => mark <= trials);
  return {
    best: bestOf(values, values.length),
    bestAt: Object.fromEntries(marks.map((mark) => [mark, bestOf(values, mark)])),
    askMsP95: Math.round(quantile(askMs, 0.95) * 100) / 100,
  };
}

/** Medians of both at each mark, and the share of seeds in which ours ends lower. */
function comparison(
  ours: readonly StudyRun[],
  anchor: readonly StudyRun[],
  { trials }: SearchBenchOptions,
): Record<string, unknown> {
  const bestAt = ({ values }: StudyRun, mark: number) => bestOf(values, mark) ?? Number.POSITIVE_INFINITY;
  const medians = (runs: readonly StudyRun[]) =>
    Object.fromEntries(
      marksOf(trials).map((mark) => {
        const bests = runs.map((run) => bestAt(run, mark));
        return [mark, shown(quantile(bests, 0.5))];
      }),
    );
  const wins = ours.filter((run, i) => bestAt(run, trials) < bestAt(anchor[i] as StudyRun, trials)).length;
  return { medianBest: medians(ours), anchorMedianBest: medians(anchor), wins, seeds: ours.length };
}

/** The listed functions; `noisy` and `failing` are mixcond under those conditions. */
async function benchFunction(name: string, options: SearchBenchOptions): Promise<void> {
  const fn = FUNCTIONS[name === 'noisy' || name === 'failing' ? 'mixcond' : name];
  if (fn === undefined)
    throw new Error(`there is no function "${name}"; there are ${Object.keys(FUNCTIONS).join(', ')}`);
  const runs: StudyRun[] = [];
  const anchors: StudyRun[] = [];
  for (let seed = 0; seed < options.seeds; seed++) {
    const objective = objectiveOf(name, fn, seed);
    runs.push(await runStudy(fn.space(hp), objective, seed, options));
    if (options.anchor === null) continue;
    anchors.push(await runAnchor(options.anchor, options.anchorSampler, fn.space(hp), objective, seed, options));
  }
  const askMs = runs.flatMap((run) => run.askMs);
  const last = runs.map((run) => regretAt(fn, run, options.trials));
  print({
    name: 'search',
    function: name,
    sampler: options.sampler,
    seeds: options.seeds,
    trials: options.trials,
    parallel: options.parallel,
    medianRegret: medianRegrets(fn, runs, options.trials),
    quartiles: [shown(quantile(last, 0.25)), shown(quantile(last, 0.75))],
    askMsMedian: shown(quantile(askMs, 0.5)),
    askMsP95: shown(quantile(askMs, 0.95)),
    askCpuMsP95: shown(
      quantile(
        runs.flatMap((run) => run.askCpuMs),
        0.95,
      ),
    ),
    optuna: OPTUNA[name] ?? null,
    ...(anchors.length === 0 ? {} : { anchorMedianRegret: medianRegrets(fn, anchors, options.trials) }),
  });
}

function medianRegrets(fn: BenchFunction, runs: readonly StudyRun[], trials: number): Record<string, number> {
  return Object.fromEntries(
    marksOf(trials).map((mark) => {
      const regrets = runs.map((run) => regretAt(fn, run, mark));
      return [mark, shown(quantile(regrets, 0.5))];
    }),
  );
}

/** Multi-fidelity: as many epochs of learning curves as 20 whole trainings have, by each way to keep unpromising trials short. */
function benchCurves(name: string, problem: CurveProblem, { seeds, sampler }: SearchBenchOptions): void {
  for (const method of CURVE_METHODS) {
    const runs = Array.from({ length: seeds }, (_, seed) => runCurves(problem, sampler, method, seed));
    const regrets = runs.map(({ regret }) => regret);
    const limits = runs.map(({ limitRegret }) => limitRegret);
    print({
      name: 'search',
      function: name,
      method,
      sampler,
      seeds,
      medianRegret: shown(quantile(regrets, 0.5)),
      quartiles: [shown(quantile(regrets, 0.25)), shown(quantile(regrets, 0.75))],
      medianLimitRegret: shown(quantile(limits, 0.5)),
      meanConfigurations: shown(runs.reduce((sum, { configurations }) => sum + configurations, 0) / seeds),
      optuna: name === 'curves' ? OPTUNA_CURVES : null,
    });
  }
}

function marksOf(trials: number): number[] {
  return [...new Set([...MARKS.filter((mark) => mark <= trials), trials])];
}

function objectiveOf(name: string, fn: BenchFunction, seed: number): Objective {
  return (point, number) => {
    const value = fn.objective(point as Record<string, unknown>);
    if (name === 'noisy') return value + NOISE_SD * normalFrom(streamByKeys(seed, number, 'noise'));
    if (name === 'failing' && uniformByKeys(seed, number, 'fails') < FAILING_SHARE) throw new Error('drawn to fail');
    return value;
  };
}

/** Regret by the noiseless value of the trial that looks best: what a user would take. */
function regretAt(fn: BenchFunction, { values, points }: StudyRun, count: number): number {
  const best = bestOf(values, count);
  if (best === null) return Number.POSITIVE_INFINITY;
  return fn.objective(points[values.indexOf(best)] as Record<string, unknown>) - fn.optimum;
}
