import type { ArtifactRef } from '@voxhelm/contracts/artifact';
import type { DatasetCheck } from '@voxhelm/contracts/dataset';
import type { Plan } from '@voxhelm/contracts/plan';
import { Retraining } from '@voxhelm/contracts/schedule';
import { sameCaseAs } from '@voxhelm/imaging/datasets/same-case';
import type { Prisma } from '@voxhelm/prisma/client';
import type { Run } from '@voxhelm/prisma/generated/client';
import { fromJsonOrNull } from '@voxhelm/prisma/json';
import type { LeftOut } from '@voxhelm/search/worth-trying';
import { readCases } from '../run-cases.ts';
import type { Dependencies } from './dependencies.ts';
import { heldOutOf } from './held-out.ts';
import { readRun, requestOf } from './run-rows.ts';
import { type SplitCases, splitCases } from './training-cases.ts';

/*
 * What making bundles and laying out the study share: the run's cases, the bundles' rows and what is told of them.
 */

/** The run's cases: comparison cases left out, folds as in the run that it goes on from. */
export async function casesOf(dependencies: Dependencies, run: Run, check: DatasetCheck): Promise<SplitCases> {
  const { db } = dependencies;
  const before = fromJsonOrNull('Run.retraining', Retraining, run.retraining)?.foldsFrom ?? null;
  const [comparison, earlier] = await Promise.all([
    heldOutOf(db, run.datasetId),
    before === null ? null : readRun(db, before),
  ]);
  return splitCases(check, requestOf(run).folds, run.seed, {
    isHeldOut: sameCaseAs(comparison),
    kept: earlier === null ? null : await readCases(dependencies, earlier),
  });
}

/** Under which a bundle's artifacts are stored. */
export function bundlePrefix(runId: string, { algorithm, fold }: Pick<Plan, 'algorithm' | 'fold'>): string {
  return `runs/${runId}/bundles/${algorithm}-fold${fold}`;
}

/** Where a bundle's plan is stored. */
export function planKey(runId: string, plan: Plan): string {
  return `${bundlePrefix(runId, plan)}/plan.json`;
}

/** A bundle's row. */
export function bundleRow(runId: string, plan: Plan, planArtifact: ArtifactRef) {
  return {
    runId,
    algorithm: plan.algorithm,
    fold: plan.fold,
    plan: plan as unknown as Prisma.InputJsonObject,
    planArtifact,
  };
}

/** Tells what was planned. `steps`: of its training in this run. */
export function bundlePlanned(plan: Plan, steps = plan.training.steps) {
  const patch = plan.patchSize.join(' x ');
  return {
    key: `bundle:${plan.algorithm}:${plan.fold}`,
    type: 'bundle.planned',
    message: `Planned ${plan.algorithm}, fold ${plan.fold}: patches of ${patch}, batch ${plan.batchSize}, ${steps} steps.`,
    data: { algorithm: plan.algorithm, fold: plan.fold },
  };
}

/** Tells of an algorithm that is not tried, and why. */
export function leftOutEvent({ name, reason }: LeftOut) {
  return {
    key: `left-out:${name}`,
    type: 'algorithm.left-out',
    message: `Left out ${name}: ${reason}.`,
    data: { algorithm: name },
  };
}
