import { plannerOf } from '@voxhelm/algorithms/planners';
import type { ProbeJob } from '@voxhelm/contracts/jobs';
import { writeJson } from '@voxhelm/storage/artifact-store';
import { readCheckOf } from '../known-analysis.ts';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import { bundlePlanned, bundlePrefix, bundleRow, casesOf, leftOutEvent, planKey } from './bundle-rows.ts';
import type { Dependencies } from './dependencies.ts';
import { givensOf, plansOf } from './make-plans.ts';
import { addEvents, changeRun, enterStage, hasEnded, readRun } from './run-rows.ts';
import { refuseLeakedStart } from './start-from.ts';

/** Making a bundle for each algorithm, to be measured on the trainer. */
export function prepareActivities(dependencies: Dependencies): Pick<OrchestratorActivities, 'prepareBundles'> {
  const { db, store } = dependencies;
  return {
    async prepareBundles({ runId }) {
      const run = await readRun(db, runId);
      const analysis = await db.analysis.findUniqueOrThrow({ where: { id: run.analysisId ?? '' } });
      const check = await readCheckOf(dependencies, analysis);
      const { cases, splits } = await casesOf(dependencies, run, check);
      await refuseLeakedStart(dependencies, run);
      const casesArtifact = await writeJson(store, `runs/${runId}/cases.json`, cases);
      const { plans, leftOut } = plansOf(run, analysis, await givensOf(dependencies, run, check, cases));
      const bundles = await Promise.all(
        plans.map(async (plan) => ({ plan, artifact: await writeJson(store, planKey(runId, plan), plan) })),
      );
      await changeRun(db, runId, async (transaction, locked) => {
        if (hasEnded(locked)) return;
        const names = bundles.map(({ plan }) => plan.algorithm).join(', ');
        const message = `Planning ${names}: ${cases.length} cases in ${splits} folds; measuring a step on the trainer.`;
        await enterStage(transaction, locked, 'planning', message, { casesArtifact });
        await transaction.bundle.createMany({
          data: bundles.map(({ plan, artifact }) => bundleRow(runId, plan, artifact)),
          skipDuplicates: true,
        });
        await addEvents(
          transaction,
          runId,
          ...bundles.map(({ plan }) => bundlePlanned(plan)),
          ...leftOut.map(leftOutEvent),
        );
      });
      const paceOf = ({ plan }: (typeof bundles)[number]): number => plannerOf(plan.algorithm).pace;
      return bundles
        .toSorted((a, b) => paceOf(a) - paceOf(b))
        .map(({ plan, artifact }, index) => {
          const artifactPrefix = bundlePrefix(runId, plan);
          const job: ProbeJob = { kind: 'probe', plan: artifact, cases: casesArtifact, seed: run.seed, artifactPrefix };
          // The fastest is measured in any case: what a run needs at least is known by it alone.
          const isFirst = index === 0;
          const hasBudget = run.budgetMs !== null;
          return { algorithm: plan.algorithm, job, inBudget: isFirst && hasBudget, ifTime: !isFirst && hasBudget };
        });
    },
  };
}
