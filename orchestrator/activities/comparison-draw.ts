import type { CheckedCase } from '@voxhelm/contracts/dataset';
import { FiringFindings } from '@voxhelm/contracts/schedule';
import { sameCaseAs } from '@voxhelm/imaging/datasets/same-case';
import type { Transaction } from '@voxhelm/prisma/client';
import { fromJsonOrNull } from '@voxhelm/prisma/json';
import { casesToDraw, drawComparison } from '../schedules/comparison-cases.ts';
import type { FiringWithSchedule } from './firing-rows.ts';
import { heldOutOf, withoutPatient } from './held-out.ts';

/** The cases of a look at the dataset. */
export interface SeenCases {
  /** Valid training cases of now, and of these the ones that the champion did not learn from. */
  readonly cases: readonly CheckedCase[];
  readonly unseenByChampion: readonly CheckedCase[];
  /** Names of those that no training saw. */
  readonly newCases: readonly string[];
}

/** What a retraining is to be compared on. */
export interface ComparisonDraw {
  /** Cases to hold out now. */
  readonly draw: readonly CheckedCase[];
  /** Comparison cases that are there already and that the champion did not learn from. */
  readonly usable: number;
  /** The number that the schedule asks for. */
  readonly wanted: number | undefined;
}

/**
 * Which cases join the comparison, before anything trains on them: at first some of those that the champion did not learn
 * from, later some of the new ones. Each case is offered once: what an earlier retraining was to learn from stays a training
 * case, however that retraining ended.
 */
export async function comparisonFor(
  transaction: Transaction,
  { firing, schedule, settings }: FiringWithSchedule,
  look: SeenCases,
): Promise<ComparisonDraw> {
  const { datasetId } = schedule;
  const held = await heldOutOf(transaction, datasetId);
  const isHeld = sameCaseAs(held);
  const isComparison = sameCaseAs(held.map(withoutPatient));
  const offered = held.length === 0 ? new Set<string>() : await offeredBefore(transaction, datasetId, firing.id);
  const fresh = new Set(look.newCases.filter((caseId) => !offered.has(caseId)));
  const free = look.unseenByChampion.filter((one) => !isHeld(one));
  const candidates = held.length === 0 ? free : free.filter(({ caseId }) => fresh.has(caseId));
  const usable = look.unseenByChampion.filter(isComparison).length;
  const { cases: wanted, shareOfNew } = settings.comparison;
  const counts = { total: look.cases.length, held: held.length, usable, candidates: candidates.length };
  const count = casesToDraw({ ...counts, wanted, shareOfNew });
  return { draw: drawComparison(candidates, count, datasetId), usable, wanted };
}

/** The new cases of the dataset's earlier retrainings, by name. */
async function offeredBefore(transaction: Transaction, datasetId: string, firingId: string): Promise<Set<string>> {
  const rows = await transaction.firing.findMany({
    where: { id: { not: firingId }, schedule: { datasetId }, runs: { some: {} } },
    select: { findings: true },
  });
  return new Set(
    rows.flatMap(({ findings }) => fromJsonOrNull('Firing.findings', FiringFindings, findings)?.newCases ?? []),
  );
}

/** Holds cases out for ever. */
export async function holdOut(
  transaction: Transaction,
  datasetId: string,
  draw: readonly CheckedCase[],
): Promise<void> {
  await transaction.comparisonCase.createMany({
    data: draw.map(({ caseId, sha256, voxelSha256, patient }) => ({
      datasetId,
      caseId,
      sha256: sha256 ?? '',
      voxelSha256: voxelSha256 ?? null,
      patient: patient ?? null,
    })),
    skipDuplicates: true,
  });
}
