import { EnsemblePlan } from '@voxhelm/contracts/ensemble';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Transaction } from '@voxhelm/prisma/client';
import { fromJson } from '@voxhelm/prisma/json';

/** A completed run of a firing, as far as it may become the challenger. */
export interface Candidate {
  readonly runId: string;
  /** Validation Dice of its ensemble. */
  readonly dice: number;
  /** Validation Dice of its members by case, the mean where several members validate a case. */
  readonly byCase: ReadonlyMap<string, number>;
}

/**
 * Of a firing's completed runs, the one that is better on the validation cases that both have; the comparison cases judge only
 * once. Throws `conflict` where none was completed.
 */
export async function chooseChallenger(db: Transaction, firingId: string): Promise<{ readonly runId: string }> {
  const runs = await db.run.findMany({
    where: { firingId },
    orderBy: { id: 'asc' },
    select: { id: true, state: true, message: true, ensemble: { select: { plan: true } } },
  });
  const done: Candidate[] = [];
  for (const { id, state, ensemble } of runs) {
    if (state !== 'completed' || ensemble === null) continue;
    const { chosen } = fromJson('Ensemble.plan', EnsemblePlan, ensemble.plan);
    done.push({ runId: id, dice: chosen.validationDice ?? -1, byCase: await diceByCase(db, chosen.trialIds) });
  }
  const [first, ...others] = done;
  if (first === undefined) {
    const [run] = runs;
    throw new VoxhelmError(
      'conflict',
      `the retraining ended without a model: run ${run?.id} ${run?.state}: ${run?.message}`,
      { fix: 'Look at the run; the champion stays as it is.' },
    );
  }
  return others.reduce(betterOf, first);
}

/**
 * The better of two candidates, the first of equals. The ensembles' own Dice where the same cases validated both; otherwise (a
 * fold failed, or the time was too short for it) the members' Dice over the cases that both have: easy folds must not win.
 */
export function betterOf(a: Candidate, b: Candidate): Candidate {
  const shared = [...a.byCase.keys()].filter((caseId) => b.byCase.has(caseId));
  if (shared.length === 0 || (shared.length === a.byCase.size && shared.length === b.byCase.size)) {
    return b.dice > a.dice ? b : a;
  }
  const mean = ({ byCase }: Candidate): number =>
    shared.reduce((sum, caseId) => sum + (byCase.get(caseId) ?? 0), 0) / shared.length;
  return mean(b) > mean(a) ? b : a;
}

async function diceByCase(db: Transaction, trialIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await db.caseScore.groupBy({
    by: ['caseId'],
    where: { ownerId: { in: [...trialIds] }, dice: { not: null } },
    _avg: { dice: true },
  });
  return new Map(rows.map(({ caseId, _avg: { dice } }) => [caseId, dice ?? 0]));
}
