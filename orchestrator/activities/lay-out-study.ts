import { type AlgorithmPlanner, withPrecision } from '@voxhelm/algorithms/planner';
import { plannerOf } from '@voxhelm/algorithms/planners';
import type { ProbeResult } from '@voxhelm/contracts/jobs';
import { Plan } from '@voxhelm/contracts/plan';
import { budgetOf, type RunRequest, SearchSettings } from '@voxhelm/contracts/run';
import type { Prisma } from '@voxhelm/prisma/client';
import { fromJson, toJson } from '@voxhelm/prisma/json';
import { architectureSearchMs, fittedSearchSteps } from '@voxhelm/search/architecture-search-time';
import { allocate, foldTrainings, wallBudgetMs } from '@voxhelm/search/budget';
import { isOverRungs, WHOLE } from '@voxhelm/search/fidelity/schedule';
import { narrowSpace } from '@voxhelm/search/narrow';
import { createStudy } from '@voxhelm/search/study';
import { trainingMs, validationCases } from '@voxhelm/search/training-time';
import { warmPoints } from '@voxhelm/search/warm-start';
import { eachTried, worthTrying } from '@voxhelm/search/worth-trying';
import { writeJson } from '@voxhelm/storage/artifact-store';
import { keepsTrials } from '../learnt-cases.ts';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import { copyTrials, keptTrials } from './branch.ts';
import { bundlePlanned, bundleRow, casesOf, leftOutEvent, planKey } from './bundle-rows.ts';
import type { Dependencies } from './dependencies.ts';
import { divergedEvent, triedDespiteDivergence } from './diverged-probes.ts';
import { earlierStudies, featuresOf } from './earlier-studies.ts';
import { readCheckOf } from './known-analysis.ts';
import { givensOf, heldToDevice, planFor, smallerEvent } from './make-plans.ts';
import { addEvents, changeRun, elapsedMs, enterStage, hasEnded, readRun, requestOf } from './run-rows.ts';
import { fixedSteps, loadStudy, type Schedule, studySettings } from './schedule.ts';

/** Laying out the run's time and study, from what was measured of its bundles. */
export function layOutActivities(dependencies: Dependencies): Pick<OrchestratorActivities, 'layOutStudy'> {
  const { db, store } = dependencies;
  return {
    async layOutStudy({ runId, probes }) {
      const known = await db.study.findUnique({ where: { runId }, select: { runId: true } });
      if (known !== null) {
        const { schedule } = await loadStudy(db, runId);
        return { parallel: schedule.parallel, kept: schedule.kept };
      }
      const run = await readRun(db, runId);
      const analysis = await db.analysis.findUniqueOrThrow({ where: { id: run.analysisId ?? '' } });
      const request = requestOf(run);
      const settings = SearchSettings.parse(request.search ?? {});
      const parallel = settings.parallel ?? Math.max(1, await dependencies.temporal.countTrainers());
      const check = await readCheckOf(dependencies, analysis);
      // Not the largest fold of a case: cases that are always trained on lie one beyond the folds that are trained.
      const { cases, splits } = await casesOf(dependencies, run, check);
      const givens = await givensOf(dependencies, run, check, cases);
      const { trainingCases } = givens;
      const elapsed = elapsedMs(run, dependencies.now());
      const asked = run.budgetMs === null ? null : Number(run.budgetMs);
      const budgetMs = wallBudgetMs(asked, spendsOf(request), elapsed, parallel);
      const testCases = cases.filter(({ fold, label }) => fold === null && label !== null).length;
      const leftMs = budgetMs === null ? null : budgetMs - elapsed;
      const bundled = await db.bundle.findMany({ where: { runId, fold: 0 } });
      const probedPlans = new Map(bundled.map((row) => [row.algorithm, fromJson('Bundle.plan', Plan, row.plan)]));
      const probed = probes.map(({ algorithm, result }) => {
        const planner = plannerOf(algorithm);
        const fitted = (fold: number): Plan => {
          const own = planFor(planner, run, analysis, fold, givens);
          const tried = { plan: probedPlans.get(algorithm) ?? own, result };
          const held = heldToDevice(planner, own, tried, { run, analysis, givens });
          return fitArchitectureSearch(planner, held, result, leftMs, probes.length);
        };
        const plan = fitted(0);
        const probe = { ...result, ...searchTime(plan, result) };
        return { name: algorithm, planner, plan, probe, planSteps: plan.training.steps, fitted };
      });
      const { tried: learning, leftOut: diverged } = triedDespiteDivergence(probed);
      const worth = worthTrying({ leftMs, algorithms: learning, trainingCases, testCases, splits, parallel });
      const allocated = (algorithms: readonly (typeof probed)[number][]) =>
        allocate({
          budgetMs,
          elapsedMs: elapsed,
          algorithms,
          trainingCases,
          testCases,
          parallel,
          folds: request.folds ?? null,
          searchTrials: settings.trials ?? null,
          steps: fixedSteps(run, algorithms),
          // Trials that were taken over are whole, and rungs have lengths of their own.
          mayLook: request.branch === undefined && !isOverRungs(settings.pruner),
        });
      // Trials or steps that the user counted are kept, whatever they leave untried.
      const isFixed = settings.trials !== undefined || fixedSteps(run, worth.tried) !== null;
      const {
        tried: measured,
        leftOut: untried,
        allocation: fitted,
      } = isFixed
        ? { tried: worth.tried, leftOut: [], allocation: allocated(worth.tried) }
        : eachTried(worth.tried, validationCases(trainingCases, splits), allocated);
      const leftOut = [...diverged, ...worth.leftOut, ...untried];
      const steps = fixedSteps(run, measured);
      const laidOut = { ...fitted, splits, folds: Math.min(fitted.folds, splits) };
      const earlier = await earlierStudies(db, run);
      const draft = createStudy({
        algorithms: measured.map(({ name, planner, plan }) => ({
          name,
          ...narrowSpace(
            name,
            { space: planner.space(plan), defaults: planner.defaults(plan) },
            settings.spaces?.[name] ?? {},
          ),
        })),
        settings: studySettings(settings, { allocation: laidOut }),
        seed: run.seed,
        warmPoints: (parameters) => warmPoints(featuresOf(analysis), earlier, parameters, laidOut.searchTrials),
      });
      // A search over rungs has its own lengths, to which whole trainings of another search do not fit.
      const mayKeep = draft.settings.fidelity === undefined && (await keepsTrials(dependencies, run));
      const kept = mayKeep ? await keptTrials(db, request.branch, draft.space) : [];
      const allocation = { ...laidOut, searchTrials: Math.max(laidOut.searchTrials, kept.length) };
      const study = { ...draft, settings: studySettings(settings, { allocation }) };
      const schedule: Schedule = {
        allocation,
        algorithms: Object.fromEntries(
          measured.map(({ name, probe: { stepMs, predictCaseMs, fuseCaseMs, startMs, searchMs }, planSteps }) => [
            name,
            { probe: { stepMs, predictCaseMs, fuseCaseMs, startMs, searchMs }, planSteps },
          ]),
        ),
        steps,
        trainingCases,
        testCases,
        parallel,
        folds: null,
        kept: kept.length,
      };
      const casesPerFold = validationCases(trainingCases, splits);
      const bundles = await Promise.all(
        measured.flatMap(({ probe, fitted: fittedPlan }) =>
          Array.from({ length: allocation.folds }, async (_, fold) => {
            // Whole: what a shorter training leaves out (mirroring, warm-up) could not be put back for a longer one.
            const plan = withPrecision(fittedPlan(fold), probe.precision ?? null);
            return {
              plan,
              steps: Math.min(allocation.foldSteps, plan.training.steps),
              probe: fold === 0 ? probe : null,
              artifact: await writeJson(store, planKey(runId, plan), plan),
            };
          }),
        ),
      );
      const slowestMs = Math.max(
        ...measured.map(({ probe }) => trainingMs(probe, allocation.searchSteps, casesPerFold)),
      );
      const trials = (study.settings.trials ?? allocation.searchTrials) + foldTrainings(allocation);
      const now = dependencies.now();
      const plannedUntil =
        budgetMs === null
          ? new Date(
              now.getTime() + Math.ceil((allocation.searchTrials + foldTrainings(allocation)) / parallel) * slowestMs,
            )
          : new Date(now.getTime() + budgetMs - elapsedMs(run, now));

      await changeRun(db, runId, async (transaction, locked) => {
        if (hasEnded(locked)) return;
        const { fidelity } = study.settings;
        const rungs = fidelity?.rungs.map((units) => Math.ceil((allocation.searchSteps * units) / WHOLE)).join(', ');
        const searched =
          rungs === undefined
            ? `${allocation.searchTrials} trials of ${allocation.searchSteps} steps`
            : `configurations by rungs of ${rungs} steps, as many steps as ${allocation.searchTrials} whole trainings have,`;
        const message =
          allocation.looks === true
            ? `Searching: a short look at each of ${allocation.searchTrials} algorithms, then the best trains whole on ${allocation.folds} folds.`
            : `Searching: ${searched} on fold 0, then ${allocation.folds - 1} more folds.`;
        await transaction.study.create({
          data: {
            runId,
            space: study.space as Prisma.InputJsonObject,
            settings: toJson(settings) as Prisma.InputJsonObject,
            firstPoints: [...study.firstPoints],
            seed: study.seed,
            schedule,
          },
        });
        await copyTrials(transaction, locked, kept, now);
        for (const { plan, artifact, probe } of bundles) {
          const row = { ...bundleRow(runId, plan, artifact), ...(probe === null ? {} : { probe }) };
          await transaction.bundle.upsert({
            where: { runId_algorithm_fold: { runId, algorithm: plan.algorithm, fold: plan.fold } },
            create: row,
            update: row,
          });
        }
        await addEvents(
          transaction,
          runId,
          ...bundles.map(({ plan, steps: length }) => bundlePlanned(plan, length)),
          ...leftOut.map(leftOutEvent),
          ...measured.flatMap(divergedEvent),
          ...measured.flatMap(({ name, probe }) => warmStartEvent(name, probe.startedFrom)),
          ...measured.flatMap(({ name, plan }) => smallerEvent(plan, probedPlans.get(name))),
        );
        await enterStage(transaction, locked, 'search', message, {
          folds: allocation.folds,
          plannedTrials: trials,
          plannedUntil,
          budgetMs: budgetMs === null ? null : BigInt(Math.ceil(budgetMs)),
        });
      });
      return { parallel, kept: kept.length };
    },
  };
}

/** What of the given weights an algorithm starts with. */
function warmStartEvent(algorithm: string, startedFrom: string | undefined) {
  if (startedFrom === undefined) return [];
  const message = `${algorithm} ${startedFrom}.`;
  return [{ key: `start-from:${algorithm}`, type: 'algorithm.warm-start', message, data: { algorithm } }];
}

/** What the request's budget is a time of. */
function spendsOf({ budget }: RunRequest): ReturnType<typeof budgetOf>['of'] {
  return budget === undefined ? 'wall clock' : budgetOf(budget).of;
}

/** The plan with its search for an architecture as long as its share of the run's time allows. */
function fitArchitectureSearch(
  planner: AlgorithmPlanner,
  plan: Plan,
  { architectureSearch: cost }: ProbeResult,
  leftMs: number | null,
  algorithms: number,
): Plan {
  const planned = plan.architectureSearch;
  if (planned === undefined || cost === null) return plan;
  return planner.withSearchSteps?.(plan, fittedSearchSteps(cost, planned, leftMs, algorithms)) ?? plan;
}

/** The time of the plan's search for an architecture, where it has one. */
function searchTime({ architectureSearch: search }: Plan, { architectureSearch: cost }: ProbeResult) {
  return search === undefined || cost === null ? {} : { searchMs: architectureSearchMs(cost, search) };
}
