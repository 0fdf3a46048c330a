import type { CheckedCase } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { SuggestedCase } from '@voxhelm/contracts/schedule';
import { SUGGESTION_MAPS } from '@voxhelm/contracts/suggestion-maps';
import { counted } from '@voxhelm/contracts/words';
import type { Prisma } from '@voxhelm/prisma/client';
import { fromJson } from '@voxhelm/prisma/json';
import { writeJson } from '@voxhelm/storage/artifact-store';
import { z } from 'zod';
import { knownOf, registeredAnalysis } from '../known-analysis.ts';
import { suggestionMapKey, suggestionMapsPrefix } from '../suggestion-maps.ts';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import { analyzeJobOf, readResult, recordAnalysis } from './dataset.ts';
import type { Dependencies } from './dependencies.ts';
import { trainingCaseOf } from './training-cases.ts';

type SuggestionActivities = Pick<
  OrchestratorActivities,
  'beginSuggestion' | 'prepareSuggestion' | 'recordSuggestion' | 'failSuggestion'
>;

/** What to label next: looking for unlabelled cases, and recording the order that the trainer found. */
export function suggestionActivities(dependencies: Dependencies): SuggestionActivities {
  const { db, store, now } = dependencies;

  async function read(suggestionId: string) {
    const row = await db.suggestion.findUnique({ where: { id: suggestionId }, include: { dataset: true } });
    if (row === null) throw new VoxhelmError('not-found', `there is no suggestion ${suggestionId}`);
    return row;
  }

  return {
    async beginSuggestion({ suggestionId }) {
      const { dataset } = await read(suggestionId);
      const seen = await registeredAnalysis(db, dataset.id);
      const message = 'Looking at the cases.';
      await db.suggestion.updateMany({ where: { id: suggestionId, state: 'working' }, data: { message } });
      const known = seen === null ? null : knownOf(seen);
      return { ...analyzeJobOf(dataset, `suggestions/${suggestionId}`), known };
    },

    async prepareSuggestion({ suggestionId, result }) {
      const { datasetId, runId } = await read(suggestionId);
      const looked = await readResult(dependencies, result);
      const owner = `suggestion-${suggestionId}`;
      const analysisId = await db.$transaction((transaction) =>
        recordAnalysis(transaction, { owner, datasetId, result, read: looked, shown: true }),
      );
      const unlabelled = looked.check.cases.filter(({ role, valid }) => role === 'unlabelled' && valid);
      const none = unlabelled.length === 0;
      await db.suggestion.update({
        where: { id: suggestionId },
        data: {
          analysisId,
          message: none
            ? 'The dataset has no unlabelled case: put images into its folder imagesUn.'
            : `Asking the champion about ${counted(unlabelled.length, 'unlabelled case')}.`,
          ...(none ? { state: 'done', finishedAt: now() } : {}),
        },
      });
      if (none) return null;
      const bundle = await db.artifact.findFirst({ where: { runId, kind: 'ensemble-bundle' } });
      if (bundle === null) throw new VoxhelmError('storage', `run ${runId} has no bundle`);
      const labelled = looked.check.cases.filter(({ role, valid }) => role === 'training' && valid);
      const write = (name: string, cases: readonly CheckedCase[]) =>
        writeJson(
          store,
          `suggestions/${suggestionId}/${name}.json`,
          cases.map((one) => trainingCaseOf(one, null)),
        );
      return {
        kind: 'suggest',
        bundle: { uri: bundle.uri, sha256: bundle.sha256, bytes: Number(bundle.bytes) },
        cases: await write('unlabelled', unlabelled),
        labelled: await write('labelled', labelled),
        artifactPrefix: suggestionMapsPrefix(suggestionId),
      };
    },

    async recordSuggestion({ suggestionId, result }) {
      await db.suggestion.updateMany({
        where: { id: suggestionId, state: 'working' },
        data: {
          state: 'done',
          message: `${counted(result.cases.length, 'unlabelled case')}, the most telling first.`,
          cases: result.cases as unknown as Prisma.InputJsonArray,
          finishedAt: now(),
        },
      });
      await dropEarlierMaps(dependencies, suggestionId);
    },

    async failSuggestion({ suggestionId, failure }) {
      await db.suggestion.updateMany({
        where: { id: suggestionId, state: 'working' },
        data: { state: 'failed', message: failure.message, finishedAt: now() },
      });
    },
  };
}

/** Maps are kept of a dataset's newest list alone. */
async function dropEarlierMaps({ db, store }: Dependencies, suggestionId: string): Promise<void> {
  const { datasetId } = await db.suggestion.findUniqueOrThrow({ where: { id: suggestionId } });
  const earlier = await db.suggestion.findFirst({
    where: { datasetId, id: { lt: suggestionId }, state: 'done' },
    orderBy: { id: 'desc' },
  });
  if (earlier === null) return;
  const cases = fromJson('Suggestion.cases', z.array(SuggestedCase), earlier.cases);
  for (const { caseId } of cases.filter(({ maps }) => maps)) {
    for (const map of SUGGESTION_MAPS) await store.remove(suggestionMapKey(earlier.id, caseId, map));
  }
  const without = cases.map((one) => ({ ...one, maps: false })) as unknown as Prisma.InputJsonArray;
  await db.suggestion.update({ where: { id: earlier.id }, data: { cases: without } });
}
