import { plannerOf } from '@voxhelm/algorithms/planners';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { firstProbeMs, nextProbe } from '@voxhelm/search/next-probe';
import { refuseUnmeasured } from '@voxhelm/search/smallest-budget';
import { lastFailure } from '@voxhelm/storage/last-attempt';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import { bundlePrefix, leftOutEvent } from './bundle-rows.ts';
import type { Dependencies } from './dependencies.ts';
import { mayLearn } from './diverged-probes.ts';
import { type MeasuredRun, measuredRun } from './measured-plans.ts';
import { addEvents, changeRun, hasEnded } from './run-rows.ts';

/** Deciding how long a run's budget has time to measure an algorithm. */
export function probeTimeActivities(
  dependencies: Dependencies,
): Pick<OrchestratorActivities, 'timeForFirstProbe' | 'timeForProbe'> {
  return {
    async timeForFirstProbe({ runId, algorithm, wasCut }) {
      const { budget, fixed, planned } = await measuredRun(dependencies, runId, []);
      const plan = plannedOf(planned, algorithm);
      const steps = fixed([{ name: algorithm, planSteps: plan.training.steps }]);
      const withinMs = firstProbeMs({ ...budget, steps }, wasCut);
      if (withinMs === null) return null;
      if (withinMs > 0) return Math.ceil(withinMs);
      return refuseUnmeasured(budget, algorithm, await lastFailure(dependencies.store, bundlePrefix(runId, plan)));
    },

    async timeForProbe({ runId, algorithm, probes }) {
      const { algorithms, budget, fixed, hasTrials, planned, splits } = await measuredRun(dependencies, runId, probes);
      const plan = plannedOf(planned, algorithm);
      const planSteps = plan.training.steps;
      // An edited plan's steps are fixed only where it is the only one.
      const steps = fixed([...algorithms, { name: algorithm, planSteps }]);
      const next = { name: algorithm, pace: plannerOf(algorithm).pace, hasTrials: hasTrials(plan) };
      // What diverged for good needs no time: the next one may be the only one that trains.
      const decision = nextProbe({ ...budget, algorithms: algorithms.filter(mayLearn), steps, next, splits });
      // Without a budget, which was taken away meanwhile, it takes as long as any probe may (workflows/proxies.ts).
      if ('withinMs' in decision) return decision.withinMs === null ? ANY_TIME_MS : Math.ceil(decision.withinMs);
      await changeRun(dependencies.db, runId, async (transaction, run) => {
        if (hasEnded(run)) return;
        await addEvents(transaction, runId, leftOutEvent({ name: algorithm, reason: decision.leftOut }));
      });
      return null;
    },
  };
}

function plannedOf(planned: MeasuredRun['planned'], algorithm: string): Plan {
  const plan = planned.get(algorithm);
  if (plan === undefined) throw new VoxhelmError('internal', `no plan of ${algorithm} was made that could be measured`);
  return plan;
}

/** More than any probe takes, waiting for a trainer included. */
const ANY_TIME_MS = 7 * 24 * 3_600_000;
