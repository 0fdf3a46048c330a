import { withPrecision } from '@voxhelm/algorithms/planner';
import type { Prisma } from '@voxhelm/prisma/client';
import { toJson } from '@voxhelm/prisma/json';
import { foldTrainings, tryAllocate } from '@voxhelm/search/budget';
import { WHOLE } from '@voxhelm/search/fidelity/schedule';
import { refuseBudget } from '@voxhelm/search/smallest-budget';
import { leftMsOf } from '@voxhelm/search/spending';
import { createStudy, type Study } from '@voxhelm/search/study';
import { trainingMs, validationCases } from '@voxhelm/search/training-time';
import { warmPoints } from '@voxhelm/search/warm-start';
import { eachTried, type LeftOut, worthTrying } from '@voxhelm/search/worth-trying';
import { writeJson } from '@voxhelm/storage/artifact-store';
import { lastFailure } from '@voxhelm/storage/last-attempt';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import { copyTrials, type TakenOver, takenOverEvent, takeOver } from './branch.ts';
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
  const { db } = dependencies;
  return {
    async layOutStudy({ runId, probes }) {
      const known = await db.study.findUnique({ where: { runId }, select: { runId: true } });
      if (known !== null) {
        const { schedule } = await loadStudy(db, runId);
        return { parallel: schedule.parallel, kept: schedule.kept };
      }
      const asked = await measuredRun(dependencies, runId, probes);
      const laidOut = await layOut(dependencies, asked);
      const bundles = await writeBundles(dependencies, laidOut, runId);
      await recordStudy(dependencies, asked, laidOut, bundles);
      return { parallel: laidOut.schedule.parallel, kept: laidOut.schedule.kept };
    },
  };
}

/** A run's time and study, laid out. */
interface LaidOut {
  /** The algorithms that the run tries. */
  readonly tried: readonly MeasuredAlgorithm[];
  readonly leftOut: readonly LeftOut[];
  readonly study: Study;
  readonly schedule: Schedule;
  /** What comes of the run that is branched off. */
  readonly taken: TakenOver;
}

async function layOut(dependencies: Dependencies, asked: MeasuredRun): Promise<LaidOut> {
  const { run, analysis, settings, splits, budget } = asked;
  const { parallel, testCases, trainingCases } = budget;
  const { tried, leftOut, allocation: fitted } = chooseTried(asked);
  const unmeasured = await unmeasuredOf(dependencies, asked);
  const divided = { ...fitted, splits, folds: Math.min(fitted.folds, splits) };
  const earlier = await earlierStudies(dependencies.db, run);
  const draft = createStudy({
    algorithms: tried.map(({ name, plan, probe }) => ({
      name,
      ...withLeastRate(searchedSpace(plan, settings), { probe }),
    })),
    settings: studySettings(settings, { allocation: divided }),
    seed: run.seed,
    warmPoints: (parameters) => warmPoints(featuresOf(analysis), earlier, parameters, divided.searchTrials),
  });
  const names = tried.map(({ name }) => name);
  const taken = takeOver(asked.earlier, draft.space, names);
  const kept = taken.kept.length;
  const allocation = { ...divided, searchTrials: Math.max(divided.searchTrials, kept) };
  const schedule: Schedule = {
    allocation,
    algorithms: Object.fromEntries(
      tried.map(({ name, probe: { stepMs, predictCaseMs, fuseCaseMs, startMs, searchMs }, planSteps }) => [
        name,
        { probe: { stepMs, predictCaseMs, fuseCaseMs, startMs, searchMs }, planSteps },
      ]),
    ),
    steps: asked.fixed(tried),
    trainingCases,
    testCases,
    parallel,
    folds: null,
    kept,
  };
  const study = { ...draft, settings: studySettings(settings, { allocation }) };
  return { tried, leftOut: [...unmeasured, ...leftOut], study, schedule, taken };
}

/** The plan of each algorithm and fold, stored. */
type StoredBundle = Awaited<ReturnType<typeof writeBundles>>[number];

function writeBundles({ store }: Dependencies, { tried, schedule: { allocation } }: LaidOut, runId: string) {
  return Promise.all(
    tried.flatMap(({ probe, fitted }) =>
      Array.from({ length: allocation.folds }, async (_, fold) => {
        // Whole: what a shorter training leaves out (mirroring, warm-up) could not be put back for a longer one.
        const plan = withPrecision(fitted(fold), probe.precision ?? null);
        return {
          plan,
          steps: Math.min(allocation.foldSteps, plan.training.steps),
          probe: fold === 0 ? probe : null,
          artifact: await writeJson(store, planKey(runId, plan), plan),
        };
      }),
    ),
  );
}

/** Writes the study with its bundles and what is told of them, and enters the search; nothing of it where the run has ended. */
async function recordStudy(
  { db, now: nowOf }: Dependencies,
  asked: MeasuredRun,
  laidOut: LaidOut,
  bundles: readonly StoredBundle[],
): Promise<void> {
  const { run, request, settings, planned, budget } = asked;
  const { tried, leftOut, study, schedule, taken } = laidOut;
  const { allocation } = schedule;
  const runId = run.id;
  const now = nowOf();
  await changeRun(db, runId, async (transaction, locked) => {
    if (hasEnded(locked)) return;
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
    await copyTrials(transaction, locked, taken.kept, now);
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
      ...(request.branch?.keep === 'trials' ? [takenOverEvent(taken, request.branch)] : []),
      ...tried.flatMap(divergedEvent),
      ...tried.flatMap(({ name, probe }) => warmStartEvent(name, probe.startedFrom)),
      ...tried.flatMap(({ name, plan }) => smallerEvent(plan, planned.get(name))),
    );
    await enterStage(transaction, locked, 'search', searchMessage(laidOut), {
      folds: allocation.folds,
      plannedTrials: (study.settings.trials ?? allocation.searchTrials) + foldTrainings(allocation),
      plannedUntil: plannedUntil(asked, laidOut, now),
      budgetMs: budget.budgetMs === null ? null : BigInt(Math.ceil(budget.budgetMs)),
    });
  });
}

/** How the run searches, for people. */
function searchMessage({ study, schedule: { allocation } }: LaidOut): string {
  const { folds, looks, searchSteps, searchTrials } = allocation;
  if (looks === true) {
    return `Searching: a short look at each of ${searchTrials} algorithms, then the best trains whole on ${folds} folds.`;
  }
  const rungs = study.settings.fidelity?.rungs.map((units) => Math.ceil((searchSteps * units) / WHOLE)).join(', ');
  const searched =
    rungs === undefined
      ? `${searchTrials} trials of ${searchSteps} steps`
      : `configurations by rungs of ${rungs} steps, as many steps as ${searchTrials} whole trainings have,`;
  return `Searching: ${searched} on fold 0, then ${folds - 1} more folds.`;
}

/** When the run is expected to end: with its budget, or by the slowest algorithm's time for each training. */
function plannedUntil({ run, budget, splits }: MeasuredRun, { tried, schedule }: LaidOut, now: Date): Date {
  if (budget.budgetMs !== null) return new Date(now.getTime() + budget.budgetMs - elapsedMs(run, now));
  const { allocation, parallel, trainingCases } = schedule;
  const cases = validationCases(trainingCases, splits);
  const slowestMs = Math.max(...tried.map(({ probe }) => trainingMs(probe, allocation.searchSteps, cases)));
  const waves = Math.ceil((allocation.searchTrials + foldTrainings(allocation)) / parallel);
  return new Date(now.getTime() + waves * slowestMs);
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
