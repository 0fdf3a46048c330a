import { withPrecision } from '@voxhelm/algorithms/planner';
import type { Prisma } from '@voxhelm/prisma/client';
import { toJson } from '@voxhelm/prisma/json';
import { foldTrainings, tryAllocate } from '@voxhelm/search/budget';
import { WHOLE } from '@voxhelm/search/fidelity/schedule';
import { refuseBudget } from '@voxhelm/search/smallest-budget';
import { leftMsOf } from '@voxhelm/search/spending';
import { createStudy } from '@voxhelm/search/study';
import { trainingMs, validationCases } from '@voxhelm/search/training-time';
import { warmPoints } from '@voxhelm/search/warm-start';
import { eachTried, type LeftOut, worthTrying } from '@voxhelm/search/worth-trying';
import { writeJson } from '@voxhelm/storage/artifact-store';
import { lastFailure } from '@voxhelm/storage/last-attempt';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import { copyTrials, takenOverEvent, takeOver } from './branch.ts';
import { bundlePlanned, bundlePrefix, bundleRow, leftOutEvent, planKey } from './bundle-rows.ts';
import type { Dependencies } from './dependencies.ts';
import { divergedEvent, triedDespiteDivergence, withLeastRate } from './diverged-probes.ts';
import { earlierStudies, featuresOf } from './earlier-studies.ts';
import { smallerEvent } from './make-plans.ts';
import { type MeasuredAlgorithm, type MeasuredRun, measuredRun, searchedSpace } from './measured-plans.ts';
import { addEvents, changeRun, elapsedMs, enterStage, hasEnded } from './run-rows.ts';
import { loadStudy, type Schedule, studySettings } from './schedule.ts';

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
      const asked = await measuredRun(dependencies, runId, probes);
      const { run, analysis, request, settings, splits, planned, budget } = asked;
      const { budgetMs, parallel, testCases, trainingCases } = budget;
      const { tried: measured, leftOut, allocation: fitted } = chooseTried(asked);
      const unmeasured = await unmeasuredOf(dependencies, asked);
      const steps = asked.fixed(measured);
      const laidOut = { ...fitted, splits, folds: Math.min(fitted.folds, splits) };
      const earlier = await earlierStudies(db, run);
      const draft = createStudy({
        algorithms: measured.map(({ name, plan, probe }) => ({
          name,
          ...withLeastRate(searchedSpace(plan, settings), { probe }),
        })),
        settings: studySettings(settings, { allocation: laidOut }),
        seed: run.seed,
        warmPoints: (parameters) => warmPoints(featuresOf(analysis), earlier, parameters, laidOut.searchTrials),
      });
      const names = measured.map(({ name }) => name);
      const taken = takeOver(asked.earlier, draft.space, names);
      const { kept } = taken;
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
          ...[...unmeasured, ...leftOut].map(leftOutEvent),
          ...(request.branch?.keep === 'trials' ? [takenOverEvent(taken, request.branch)] : []),
          ...measured.flatMap(divergedEvent),
          ...measured.flatMap(({ name, probe }) => warmStartEvent(name, probe.startedFrom)),
          ...measured.flatMap(({ name, plan }) => smallerEvent(plan, planned.get(name))),
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

/** Which of the measured algorithms the run tries, what it leaves out and why, and how its time is divided. */
function chooseTried({ algorithms, budget, fixed, settings, splits }: MeasuredRun) {
  const { parallel, testCases, trainingCases } = budget;
  const leftMs = leftMsOf(budget);
  const steps = fixed(algorithms);
  const { tried: learning, leftOut: diverged } = triedDespiteDivergence(algorithms);
  const worth = worthTrying({ leftMs, algorithms: learning, trainingCases, testCases, splits, parallel, steps });
  const inputOf = (some: readonly MeasuredAlgorithm[]) => ({ ...budget, algorithms: some, steps: fixed(some) });
  const { tried, leftOut, allocation } = eachTried(worth.tried, {
    validationCasesOfAFold: validationCases(trainingCases, splits),
    steps,
    anyTrials: settings.trials !== undefined || fixed(worth.tried) !== null,
    allocate: (some) => tryAllocate(inputOf(some)),
  });
  return {
    tried,
    leftOut: [...diverged, ...worth.leftOut, ...leftOut],
    // Refused by all that were measured: what the others took is no part of what the fastest alone would need.
    allocation: allocation ?? refuseBudget(inputOf(learning)),
  };
}

/**
 * Algorithms that were to be measured and came to no end within their time, and why. Those that were left out before have told it:
 * an event is told once.
 */
async function unmeasuredOf({ store }: Dependencies, { run, planned, algorithms }: MeasuredRun): Promise<LeftOut[]> {
  const plans = [...planned.values()].filter(({ algorithm }) => !algorithms.some(({ name }) => name === algorithm));
  return Promise.all(
    plans.map(async (plan) => {
      const failure = await lastFailure(store, bundlePrefix(run.id, plan));
      const reason =
        failure === null
          ? 'measuring it, with the wait for a trainer, took longer than the budget has time for'
          : `measuring it failed (${failure}), and the budget had no time to do it again`;
      return { name: plan.algorithm, reason };
    }),
  );
}
