import { AnalysisSummary } from '@voxhelm/contracts/analysis';
import type { Branch, SearchSettings } from '@voxhelm/contracts/run';
import { Point } from '@voxhelm/contracts/trial';
import { sameCaseAs } from '@voxhelm/imaging/datasets/same-case';
import type { Prisma, Transaction } from '@voxhelm/prisma/client';
import type { Analysis, Run, Trial } from '@voxhelm/prisma/generated/client';
import { newId } from '@voxhelm/prisma/ids';
import { fromJson, toJson } from '@voxhelm/prisma/json';
import { isOverRungs } from '@voxhelm/search/fidelity/schedule';
import { checkPoint, compileSpace, type SearchSpace } from '@voxhelm/search/space';
import { keepsTrials } from '../learnt-cases.ts';
import type { Dependencies } from './dependencies.ts';
import { heldOutOf } from './held-out.ts';
import { addEvents, requestOf } from './run-rows.ts';

/*
 * A run that branches off another one of the same dataset: it takes over the analysis, or the finished search trials too.
 * Rows are copied, files are not: the other run cannot be deleted while this one is there (api/storage-usage.ts).
 */

/**
 * Takes the other run's analysis; false where it has none that this run may use, or one that knows of cases which are held
 * out by now, so that the dataset is analysed anew.
 */
export async function adoptAnalysis(transaction: Transaction, run: Run, branch: Branch): Promise<boolean> {
  if (run.analysisId !== null) return true;
  const other = await transaction.run.findUnique({ where: { id: branch.run }, include: { analysis: true } });
  if (other?.analysis == null || other.device === null) return false;
  const { analysis } = other;
  if ((analysis.errors > 0 && !requestOf(run).skipInvalid) || analysis.summary === null || analysis.trainingCases < 2) {
    return false;
  }
  if (await knowsHeldOut(transaction, analysis)) return false;
  await transaction.run.update({
    where: { id: run.id },
    data: { analysisId: analysis.id, device: toJson(other.device) },
  });
  await addEvents(transaction, run.id, {
    key: 'dataset.checked',
    type: 'dataset.checked',
    message: `Analysis taken over from run "${other.name}": ${analysis.trainingCases} training and ${analysis.testingCases} test cases.`,
    data: { branchedFrom: other.id },
  });
  return true;
}

/** True where the summary is of more cases than may be trained on today. */
async function knowsHeldOut(transaction: Transaction, { id, datasetId, summary }: Analysis): Promise<boolean> {
  const isHeldOut = sameCaseAs(await heldOutOf(transaction, datasetId));
  const cases = await transaction.datasetCase.findMany({
    where: { analysisId: id, role: 'training', valid: true },
    select: { caseId: true, sha256: true, voxelSha256: true, patient: true },
  });
  const { n_cases: summarized } = fromJson('Analysis.summary', AnalysisSummary, summary);
  return summarized > cases.filter((one) => !isHeldOut(one)).length;
}

/** Finished trials of the run that is branched off. */
export interface EarlierTrials {
  readonly trials: readonly Trial[];
  /** Why none of them may be taken over, for people; null where they may. */
  readonly refused: string | null;
}

/**
 * The finished search trials of the run that is branched off, in their order; after short looks also the whole training on the
 * search's fold. None where the branch keeps the analysis alone.
 */
export async function earlierTrials(
  dependencies: Pick<Dependencies, 'db' | 'store'>,
  run: Run,
  { pruner }: Pick<SearchSettings, 'pruner'>,
): Promise<EarlierTrials> {
  const { branch } = requestOf(run);
  if (branch?.keep !== 'trials') return { trials: [], refused: null };
  const trials = await dependencies.db.trial.findMany({
    where: {
      runId: branch.run,
      OR: [{ kind: 'search' }, { kind: 'fold', fold: 0 }],
      state: { in: ['completed', 'pruned'] },
      bestDice: { not: null },
    },
    orderBy: { number: 'asc' },
  });
  // A search over rungs has its own lengths, to which whole trainings of another search do not fit.
  if (isOverRungs(pruner)) return { trials, refused: 'a search over rungs has lengths of its own' };
  const isFree = await keepsTrials(dependencies, run);
  return { trials, refused: isFree ? null : 'they learnt from cases that are held out for comparisons' };
}

/** What a branch takes over of another run's finished trials. */
export interface TakenOver {
  readonly kept: readonly Trial[];
  /** Finished trials of the other run, whether they are taken over or not. */
  readonly finished: number;
  /** Why the others are not, for people. */
  readonly lost: readonly string[];
}

/** Those of the finished trials that may be taken over into a run that searches this space: its points. */
export function pointsOf({ trials, refused }: EarlierTrials, space: SearchSpace): Trial[] {
  if (refused !== null) return [];
  const parameters = compileSpace(space);
  return trials.filter(({ point }) => {
    try {
      checkPoint(parameters, fromJson('Trial.point', Point, point));
      return true;
    } catch {
      return false; // Its space was another one.
    }
  });
}

/** Chooses the finished trials that are points of this run's space, over the algorithms that are `tried`. */
export function takeOver(earlier: EarlierTrials, space: SearchSpace, tried: readonly string[]): TakenOver {
  const { trials: finished, refused } = earlier;
  if (refused !== null) return { kept: [], finished: finished.length, lost: finished.length === 0 ? [] : [refused] };
  const kept = pointsOf(earlier, space);
  const algorithms = [...new Set(finished.map(({ algorithm }) => algorithm))];
  const lost = algorithms.flatMap((name) => {
    const own = finished.filter((trial) => trial.algorithm === name && !kept.includes(trial)).length;
    if (own === 0) return [];
    return [
      `${own} of ${name}, ${tried.includes(name) ? 'no points of this search space' : 'which is not tried here'}`,
    ];
  });
  return { kept, finished: finished.length, lost };
}

/** Tells of a branch how many of the other run's finished trials it takes over, and why not the others. */
export function takenOverEvent({ kept, finished, lost }: TakenOver, branch: Branch) {
  const taken = `${kept.length} of ${finished} finished trials of run ${branch.run} taken over`;
  const known = kept.length === 0 ? '' : `, the best with Dice ${bestDiceOf(kept).toFixed(3)}`;
  const others = lost.length === 0 ? '' : `; not taken over: ${lost.join('; ')}`;
  return {
    key: 'trials.kept',
    type: 'trials.kept',
    message: `${taken}${known}${others}.`,
    data: { trials: kept.length, finished },
  };
}

/** Writes them as this run's first trials: lease 0, for no trainer had them here. */
export async function copyTrials(transaction: Transaction, run: Run, kept: readonly Trial[], now: Date): Promise<void> {
  for (const [number, trial] of kept.entries()) {
    const id = newId('trl');
    await transaction.trial.create({
      data: {
        id,
        runId: run.id,
        number,
        kind: 'search',
        algorithm: trial.algorithm,
        fold: trial.fold,
        state: trial.state,
        steps: trial.steps,
        step: trial.step,
        seed: trial.seed,
        bestStep: trial.bestStep,
        bestDice: trial.bestDice,
        reason: `taken over from run ${trial.runId}`,
        startedAt: now,
        finishedAt: now,
        point: trial.point as Prisma.InputJsonValue,
        diceByClass: trial.diceByClass as Prisma.InputJsonValue,
        planArtifact: toJson(trial.planArtifact),
        checkpoint: toJson(trial.checkpoint),
        lastCheckpoint: toJson(trial.lastCheckpoint),
        predictions: toJson(trial.predictions),
      },
    });
    await transaction.$executeRaw`
      INSERT INTO "MetricPoint" ("trialId", series, step, value, lease, attempt)
      SELECT ${id}, series, step, value, 0, attempt FROM "MetricPoint" WHERE "trialId" = ${trial.id}`;
    await transaction.$executeRaw`
      INSERT INTO "CaseScore" ("ownerId", "caseId", "runId", "trialId", dice, scores, "labelMap", probabilities)
      SELECT ${id}, "caseId", ${run.id}, ${id}, dice, scores, "labelMap", probabilities
      FROM "CaseScore" WHERE "ownerId" = ${trial.id}`;
  }
  if (kept.length === 0) return;
  await transaction.run.update({ where: { id: run.id }, data: { bestDice: bestDiceOf(kept) } });
}

/** The best Dice of trials, of which there is one at least. */
function bestDiceOf(trials: readonly Trial[]): number {
  return Math.max(...trials.map(({ bestDice }) => bestDice ?? 0));
}
