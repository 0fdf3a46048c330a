import type { AlgorithmPlanner } from '@voxhelm/algorithms/planner';
import { defaultAlgorithms, plannerOf } from '@voxhelm/algorithms/planners';
import type { TrainingCase } from '@voxhelm/contracts/jobs';
import { Plan } from '@voxhelm/contracts/plan';
import { budgetOf, type RunRequest, SearchSettings } from '@voxhelm/contracts/run';
import type { Analysis, Run } from '@voxhelm/prisma/generated/client';
import { fromJson } from '@voxhelm/prisma/json';
import { architectureSearchMs, fittedSearchSteps } from '@voxhelm/search/architecture-search-time';
import { type BudgetInput, wallBudgetMs } from '@voxhelm/search/budget';
import { isOverRungs } from '@voxhelm/search/fidelity/schedule';
import { type NamedSpace, narrowSpace } from '@voxhelm/search/narrow';
import { leftMsOf } from '@voxhelm/search/spending';
import { spaceOver } from '@voxhelm/search/study';
import { readCheckOf } from '../known-analysis.ts';
import type { MeasuredPlan } from '../workflows/activity-interface.ts';
import { type EarlierTrials, earlierTrials, pointsOf } from './branch.ts';
import { casesOf } from './bundle-rows.ts';
import type { Dependencies } from './dependencies.ts';
import { givensOf, heldToDevice, planFor } from './make-plans.ts';
import { elapsedMs, readRun, requestOf } from './run-rows.ts';
import { fixedSteps } from './schedule.ts';

/*
 * A run while its plans are measured: its budget, and of each plan what its probe says. What laying out the study starts from,
 * and before it each decision to measure another plan.
 */

/** A plan with what was measured of it. */
export interface MeasuredAlgorithm {
  readonly name: string;
  readonly pace: number;
  readonly planner: AlgorithmPlanner;
  /** Fold 0's. */
  readonly plan: Plan;
  readonly probe: MeasuredPlan['result'] & { readonly searchMs?: number };
  readonly planSteps: number;
  /** Finished trials of it are to be taken over from the run that is branched off. */
  readonly hasTrials: boolean;
  /** The plan of any fold, as large as its device holds it. */
  fitted(fold: number): Plan;
}

/** A run's budget and measured plans. */
export interface MeasuredRun {
  readonly run: Run;
  readonly analysis: Analysis;
  readonly request: RunRequest;
  readonly settings: SearchSettings;
  readonly splits: number;
  /** What the run's bundles of fold 0 plan, by algorithm, as they were before they were measured. */
  readonly planned: ReadonlyMap<string, Plan>;
  /** In the order in which the run tries them. */
  readonly algorithms: readonly MeasuredAlgorithm[];
  /** Of the run that is branched off. */
  readonly earlier: EarlierTrials;
  /** All but the algorithms of an allocation. */
  readonly budget: Omit<BudgetInput, 'algorithms' | 'steps'>;
  /** Whether some trials of the run that is branched off are points of this plan's search, be it measured or not. */
  hasTrials(plan: Plan): boolean;
  /** The steps that the user fixed for these algorithms. */
  fixed(algorithms: readonly Pick<MeasuredAlgorithm, 'name' | 'planSteps'>[]): number | null;
}

/** Reads a run of which `probes` are done. */
export async function measuredRun(
  dependencies: Dependencies,
  runId: string,
  probes: readonly MeasuredPlan[],
): Promise<MeasuredRun> {
  const { db } = dependencies;
  const run = await readRun(db, runId);
  const analysis = await db.analysis.findUniqueOrThrow({ where: { id: run.analysisId ?? '' } });
  const request = requestOf(run);
  const settings = SearchSettings.parse(request.search ?? {});
  const check = await readCheckOf(dependencies, analysis);
  // Not the largest fold of a case: cases that are always trained on lie one beyond the folds that are trained.
  const { cases, splits } = await casesOf(dependencies, run, check);
  const givens = await givensOf(dependencies, run, check, cases);
  const budget = { ...(await budgetOfRun(dependencies, run, settings, cases)), trainingCases: givens.trainingCases };
  const bundles = await db.bundle.findMany({ where: { runId, fold: 0 } });
  const planned = new Map(bundles.map((row) => [row.algorithm, fromJson('Bundle.plan', Plan, row.plan)]));
  const earlier = await earlierTrials(dependencies, run, settings);
  const hasTrials: MeasuredRun['hasTrials'] = (plan) => {
    const own = earlier.trials.filter(({ algorithm }) => algorithm === plan.algorithm);
    if (own.length === 0) return false;
    const { space } = searchedSpace(plan, settings);
    return pointsOf({ ...earlier, trials: own }, spaceOver([{ name: plan.algorithm, space }])).length > 0;
  };
  const order = request.algorithms ?? defaultAlgorithms;
  const algorithms = probes
    .toSorted((a, b) => order.indexOf(a.algorithm) - order.indexOf(b.algorithm))
    .map(({ algorithm, result }): MeasuredAlgorithm => {
      const planner = plannerOf(algorithm);
      const fitted = (fold: number): Plan => {
        const own = planFor(planner, run, analysis, fold, givens);
        const probed = { plan: planned.get(algorithm) ?? own, result };
        const held = heldToDevice(planner, own, probed, { run, analysis, givens });
        return fitArchitectureSearch(planner, held, result, leftMsOf(budget), probes.length);
      };
      const plan = fitted(0);
      const probe = { ...result, ...searchTime(plan, result) };
      const planSteps = plan.training.steps;
      return {
        name: algorithm,
        pace: planner.pace,
        planner,
        plan,
        probe,
        planSteps,
        hasTrials: hasTrials(plan),
        fitted,
      };
    });
  const fixed: MeasuredRun['fixed'] = (some) => fixedSteps(run, some);
  return { run, analysis, request, settings, splits, planned, algorithms, earlier, hasTrials, budget, fixed };
}

/** What a run searches of a plan: its algorithm's space as the request has it. Throws `invalid-request` where that cannot be. */
export function searchedSpace(plan: Plan, { spaces }: Pick<SearchSettings, 'spaces'>): NamedSpace {
  const planner = plannerOf(plan.algorithm);
  const own = { space: planner.space(plan), defaults: planner.defaults(plan) };
  return narrowSpace(planner.name, own, spaces?.[planner.name] ?? {});
}

async function budgetOfRun(
  dependencies: Dependencies,
  run: Run,
  settings: SearchSettings,
  cases: readonly TrainingCase[],
): Promise<Omit<MeasuredRun['budget'], 'trainingCases'>> {
  const request = requestOf(run);
  const parallel = settings.parallel ?? Math.max(1, await dependencies.temporal.countTrainers());
  const elapsed = elapsedMs(run, dependencies.now());
  const asked = run.budgetMs === null ? null : Number(run.budgetMs);
  const of = request.budget === undefined ? 'wall clock' : budgetOf(request.budget).of;
  return {
    budgetMs: wallBudgetMs(asked, of, elapsed, parallel),
    budgetOf: of,
    elapsedMs: elapsed,
    testCases: cases.filter(({ fold, label }) => fold === null && label !== null).length,
    parallel,
    folds: request.folds ?? null,
    searchTrials: settings.trials ?? null,
    // Trials that were taken over are whole, and rungs have lengths of their own.
    mayLook: request.branch === undefined && !isOverRungs(settings.pruner),
  };
}

/** The plan with its search for an architecture as long as its share of the run's time allows. */
function fitArchitectureSearch(
  planner: AlgorithmPlanner,
  plan: Plan,
  { architectureSearch: cost }: MeasuredPlan['result'],
  leftMs: number | null,
  algorithms: number,
): Plan {
  const search = plan.architectureSearch;
  if (search === undefined || cost === null) return plan;
  return planner.withSearchSteps?.(plan, fittedSearchSteps(cost, search, leftMs, algorithms)) ?? plan;
}

/** The time of the plan's search for an architecture, where it has one. */
function searchTime({ architectureSearch: search }: Plan, { architectureSearch: cost }: MeasuredPlan['result']) {
  return search === undefined || cost === null ? {} : { searchMs: architectureSearchMs(cost, search) };
}
