import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { TrainingCase } from '@voxhelm/contracts/jobs';
import type { Plan } from '@voxhelm/contracts/plan';
import type { TrainingVolume } from '@voxhelm/imaging/patch-sampler';
import { type CacheCounts, trimCaseCache } from '../loader/case-cache.ts';
import type { CaseFiles, ValidationCase } from '../loader/messages.ts';
import type { ThreadPool } from '../loader/thread-pool.ts';
import type { JobContext } from './context.ts';

/** The cases of one fold, by their part in training. Test cases (fold null) are in neither. */
export interface FoldCases {
  readonly training: readonly CaseFiles[];
  readonly validation: readonly CaseFiles[];
}

/**
 * Splits cases for a fold, in the order given (which the sampler's draws depend on).
 * @throws VoxhelmError `bad-dataset` where a case has no label or the fold leaves nothing to train on.
 */
export function splitFold(cases: readonly TrainingCase[], fold: number): FoldCases {
  const training: CaseFiles[] = [];
  const validation: CaseFiles[] = [];
  for (const { caseId, images, label, fold: own } of cases) {
    if (own === null) continue;
    if (label === null) throw new VoxhelmError('bad-dataset', `training case "${caseId}" has no label`);
    (own === fold ? validation : training).push({ caseId, images, label });
  }
  if (training.length === 0) {
    throw new VoxhelmError('bad-dataset', `fold ${fold} leaves no case to train on`, {
      fix: 'Give the run more cases or fewer folds.',
    });
  }
  return { training, validation };
}

/** Reads and preprocesses training cases in the loader threads; results in the order of the cases. */
export function loadTrainingCases(
  pool: ThreadPool,
  cases: readonly CaseFiles[],
  plan: Plan,
  onLoaded: () => void,
): Promise<TrainingVolume[]> {
  return loadAll(cases, async (files) => {
    const volume = (await pool.ask({ type: 'load-training', files, plan })) as TrainingVolume;
    onLoaded();
    return volume;
  });
}

/** Reads and preprocesses validation cases in the loader threads; results in the order of the cases. */
export function loadValidationCases(
  pool: ThreadPool,
  cases: readonly CaseFiles[],
  plan: Plan,
  onLoaded: () => void,
): Promise<ValidationCase[]> {
  return loadAll(cases, async (files) => {
    const loaded = (await pool.ask({ type: 'load-validation', files, plan })) as ValidationCase;
    onLoaded();
    return loaded;
  });
}

/**
 * After loading: says in the log what came from the cache and what could not be kept there, and keeps the cache in its
 * limit.
 */
export async function settleCache(pool: ThreadPool, context: JobContext): Promise<void> {
  const { caseCache } = context.settings;
  if (caseCache === null) return;
  const counts = (await pool.askAll({ type: 'cache-counts' })) as CacheCounts[];
  const sum = (of: 'found' | 'made'): number => counts.reduce((total, one) => total + one[of], 0);
  const fields = { folder: caseCache.folder, found: sum('found'), made: sum('made') };
  context.log('debug', `${fields.found} preprocessed images and labels from the cache, ${fields.made} made`, fields);
  const failure = counts.find((one) => one.failure !== null)?.failure;
  if (failure !== undefined)
    context.log('warn', `the cache of preprocessed cases cannot be written: ${failure}`, fields);
  if (fields.made > 0) await trimCaseCache(caseCache);
}

/** All at once, since each thread does its own in turn. The first failure is told with its case. */
function loadAll<T>(cases: readonly CaseFiles[], load: (files: CaseFiles) => Promise<T>): Promise<T[]> {
  return Promise.all(
    cases.map(async (files) => {
      try {
        return await load(files);
      } catch (error) {
        if (!(error instanceof VoxhelmError)) throw error;
        throw new VoxhelmError(error.code, `case "${files.caseId}": ${error.message}`, {
          cause: error,
          details: error.details,
          ...(error.fix === undefined ? {} : { fix: error.fix }),
        });
      }
    }),
  );
}
