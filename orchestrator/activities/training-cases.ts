import type { CheckedCase, DatasetCheck } from '@voxhelm/contracts/dataset';
import type { TrainingCase } from '@voxhelm/contracts/jobs';
import { assignFolds, givenFoldCount } from '@voxhelm/imaging/splits';
import { DEFAULT_FOLDS } from '@voxhelm/search/budget';

/** The valid cases of a run with their validation folds. */
export interface SplitCases {
  readonly cases: readonly TrainingCase[];
  /** Folds that the training cases are cut into. */
  readonly splits: number;
}

/**
 * Cuts the training cases into folds: as the dataset gives them, or else as many as the request says, or 5 (fewer where
 * patients are few). All cases take part in the draw and the refused ones are left out afterwards, so that one damaged
 * file moves no other case.
 */
export function splitCases(check: DatasetCheck, requestedFolds: number | undefined, seed: number): SplitCases {
  const training = distinct(check.cases.filter(({ role }) => role === 'training'));
  const { validationSplits } = check.datalist;
  const given = givenFoldCount(training, validationSplits);
  const patients = new Set(training.map(({ patient, caseId }) => patient ?? `case ${caseId}`)).size;
  const wanted =
    requestedFolds === undefined || requestedFolds === 1 ? Math.min(DEFAULT_FOLDS, patients) : requestedFolds;
  const splits = given ?? wanted;
  const folds = assignFolds(training, splits, seed, validationSplits);
  // A training case that no given fold validates is trained on in all: its fold is one beyond those that are trained.
  const trained = training
    .filter(({ valid }) => valid)
    .map(({ caseId, images, label }) => ({ caseId, images, label, fold: folds.get(caseId) ?? splits }));
  const tested = check.cases
    .filter(({ role, valid }) => role === 'testing' && valid)
    .map(({ caseId, images, label }) => ({ caseId, images, label, fold: null }));
  return { cases: [...trained, ...tested], splits };
}

/** One of each id, a valid one where there is one: a repeated id is a finding of the check, not another case. */
function distinct(cases: readonly CheckedCase[]): CheckedCase[] {
  const byId = new Map<string, CheckedCase>();
  for (const one of cases) if (byId.get(one.caseId)?.valid !== true) byId.set(one.caseId, one);
  return [...byId.values()];
}
