import { plannerOf } from '@voxhelm/algorithms/planners';
import { nextProbe } from '@voxhelm/search/next-probe';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import { leftOutEvent } from './bundle-rows.ts';
import type { Dependencies } from './dependencies.ts';
import { mayLearn } from './diverged-probes.ts';
import { measuredRun } from './measured-plans.ts';
import { addEvents, changeRun, hasEnded } from './run-rows.ts';

/** Deciding whether a run's budget has time to measure another algorithm. */
export function probeTimeActivities(dependencies: Dependencies): Pick<OrchestratorActivities, 'timeForProbe'> {
  return {
    async timeForProbe({ runId, algorithm, probes }) {
      const { algorithms, budget, fixed, hasTrials, planned, splits } = await measuredRun(dependencies, runId, probes);
      const plan = planned.get(algorithm);
      const planSteps = plan?.training.steps ?? 0;
      // An edited plan's steps are fixed only where it is the only one.
      const steps = fixed([...algorithms, { name: algorithm, planSteps }]);
      const isTried = plan !== undefined && hasTrials(plan);
      const next = { name: algorithm, pace: plannerOf(algorithm).pace, isTried };
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

/** More than any probe takes, waiting for a trainer included. */
const ANY_TIME_MS = 7 * 24 * 3_600_000;
