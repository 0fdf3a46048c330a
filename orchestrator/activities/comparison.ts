import { VoxhelmError } from '@voxhelm/contracts/errors';
import { Evaluation } from '@voxhelm/contracts/evaluation';
import type { ScoreResult } from '@voxhelm/contracts/jobs';
import type { PairedComparison } from '@voxhelm/contracts/schedule';
import type { Prisma } from '@voxhelm/prisma/client';
import { toJson } from '@voxhelm/prisma/json';
import { readJson } from '@voxhelm/storage/artifact-store';
import { z } from 'zod';
import { lockChampion, promote } from '../promotions.ts';
import { tellWebhooks } from '../webhook-outbox.ts';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import { chooseChallenger } from './choose-challenger.ts';
import { compareRuns, comparisonSet, scoreJob } from './comparison-set.ts';
import type { Dependencies } from './dependencies.ts';
import { changeFiring, firingHasEnded, readFiring } from './firing-rows.ts';

type ComparisonActivities = Pick<OrchestratorActivities, 'prepareComparison' | 'recordScores' | 'concludeFiring'>;

/** Champion against challenger on the comparison cases, and what follows. */
export function comparisonActivities(dependencies: Dependencies): ComparisonActivities {
  const { db, store, now } = dependencies;
  return {
    async prepareComparison({ firingId }) {
      const found = await readFiring(db, firingId);
      if (firingHasEnded(found.firing)) return { jobs: [] };
      const challenger = await chooseChallenger(db, firingId);
      const runIds = [found.firing.championRunId, challenger.runId].filter((id) => id !== null);
      const set = await comparisonSet(dependencies, found, runIds);
      await changeFiring(db, firingId, async (transaction, { firing }) => {
        if (firingHasEnded(firing)) return;
        await transaction.firing.update({
          where: { id: firingId },
          data: { state: 'comparing', challengerRunId: challenger.runId },
        });
      });
      const jobs = await Promise.all(runIds.map((runId) => scoreJob(dependencies, firingId, runId, set)));
      return { jobs: jobs.filter((job) => job !== null) };
    },

    async recordScores({ firingId, runId, result }) {
      const evaluation = await readJson(store, result.evaluation, Evaluation);
      const hashes = await hashesOf(dependencies, firingId, runId, result);
      await db.comparisonScore.createMany({
        data: evaluation.cases.map((scores) => ({
          runId,
          caseId: scores.case,
          sha256: hashes.get(scores.case) ?? '',
          dice: scores.dice,
          scores: scores as unknown as Prisma.InputJsonObject,
        })),
        skipDuplicates: true,
      });
    },

    async concludeFiring({ firingId }) {
      const found = await readFiring(db, firingId);
      if (firingHasEnded(found.firing)) return;
      const { championRunId, challengerRunId } = found.firing;
      if (challengerRunId === null) throw new VoxhelmError('internal', `firing ${firingId} has no challenger`);
      const comparison =
        championRunId === null
          ? null
          : await compareRuns(
              db,
              found,
              championRunId,
              challengerRunId,
              await comparisonSet(dependencies, found, [championRunId, challengerRunId]),
            );
      await changeFiring(db, firingId, async (transaction, { firing, schedule }) => {
        if (firingHasEnded(firing)) return;
        const { datasetId } = schedule;
        const current = (await lockChampion(transaction, datasetId))?.runId ?? null;
        const decided = verdict(championRunId, current, comparison);
        const data = { comparison: toJson(comparison), finishedAt: now() };
        if (decided.kind === 'keep') {
          const message = decided.reason;
          await transaction.firing.update({ where: { id: firingId }, data: { ...data, state: 'kept', message } });
          await tellWebhooks(transaction, {
            event: 'champion.kept',
            key: `firing:${firingId}`,
            datasetId,
            message,
            data: { scheduleId: schedule.id, firingId, championRunId: current, challengerRunId },
          });
          return;
        }
        // All or nothing: the audit log, the champion, the webhooks' messages and the firing's own end.
        await promote(transaction, {
          datasetId,
          runId: challengerRunId,
          kind: decided.kind,
          reason: decided.reason,
          by: firingId,
          comparison,
        });
        const message = decided.reason;
        await transaction.firing.update({ where: { id: firingId }, data: { ...data, state: 'promoted', message } });
      });
    },
  };
}

type Verdict = { readonly kind: 'keep' | 'first' | 'better'; readonly reason: string };

function verdict(expected: string | null, current: string | null, comparison: PairedComparison | null): Verdict {
  if (current !== expected) {
    const reason = `Kept the champion: it changed to ${current ?? 'nobody'} while this challenger trained, and was compared with ${expected ?? 'nobody'}.`;
    return { kind: 'keep', reason };
  }
  if (comparison === null)
    return { kind: 'first', reason: 'Promoted: the first champion; there was nothing to compare with.' };
  return { kind: comparison.better ? 'better' : 'keep', reason: comparison.reason };
}

/** SHA-256 by case of the files that were scored: a label may have changed since the firing's look. */
async function hashesOf(
  dependencies: Dependencies,
  firingId: string,
  runId: string,
  { hashes }: ScoreResult,
): Promise<ReadonlyMap<string, string>> {
  const { db, store } = dependencies;
  if (hashes !== undefined) {
    return new Map(Object.entries(await readJson(store, hashes, z.record(z.string(), z.string()))));
  }
  // A trainer of an earlier version did not say: as they were at the look.
  const { cases } = await comparisonSet(dependencies, await readFiring(db, firingId), [runId]);
  return new Map(cases.map(({ caseId, sha256 }) => [caseId, sha256]));
}
