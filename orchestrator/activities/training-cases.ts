import { createHash } from 'node:crypto';
import type { CheckedCase, DatasetCheck } from '@voxhelm/contracts/dataset';
import type { TrainingCase } from '@voxhelm/contracts/jobs';
import { findSameCases } from '@voxhelm/imaging/datasets/same-case';
import { assignFolds, givenFoldCount } from '@voxhelm/imaging/splits';
import { DEFAULT_FOLDS } from '@voxhelm/search/ways-to-spend';

/** The valid cases of a run with their validation folds. */
export interface SplitCases {
  readonly cases: readonly TrainingCase[];
  /** Folds that the training cases are cut into. */
  readonly splits: number;
}

/** What a split takes over from before. */
export interface SplitOptions {
  /** Comparison cases: neither trained on nor tested. */
  readonly isHeldOut?: (one: CheckedCase) => boolean;
  /** The cases of an earlier run, whose folds stay: a model that goes on from its weights must not validate on what it saw. */
  readonly kept?: readonly TrainingCase[] | null;
}

/**
 * Cuts the training cases into folds: as the dataset gives them, or else as many as the request says, or 5 (fewer where
 * patients are few). All cases take part in the draw and the refused ones are left out afterwards, so that one damaged
 * file moves no other case.
 */
export function splitCases(
  check: DatasetCheck,
  requestedFolds: number | undefined,
  seed: number,
  { isHeldOut = () => false, kept = null }: SplitOptions = {},
): SplitCases {
  const all = distinct(check.cases.filter(({ role }) => role === 'training'));
  const { validationSplits } = check.datalist;
  const given = givenFoldCount(all, validationSplits);
  // Given folds are checked as they were given; a fold that is dealt should not count cases that never come.
  const training = given === null ? all.filter((one) => !isHeldOut(one)) : all;
  const patients = new Set(training.map(({ patient, caseId }) => patient ?? `case ${caseId}`)).size;
  const wanted =
    requestedFolds === undefined || requestedFolds === 1 ? Math.min(DEFAULT_FOLDS, patients) : requestedFolds;
  const splits = given ?? wanted;
  const before = given === null && kept !== null ? keptFolds(training, kept) : null;
  // A refused case is not trained on, so it tears no patient over given folds; where folds are dealt it stays with its own.
  const placed = given === null ? training : training.map((one) => (one.valid ? one : { ...one, patient: undefined }));
  const folds = before?.folds ?? assignFolds(placed, splits, seed, validationSplits);
  // A training case that no given fold validates is trained on in all: its fold is one beyond those that are trained.
  const trained = training
    .filter((one) => one.valid && !isHeldOut(one))
    .map((one) => trainingCaseOf(one, folds.get(one.caseId) ?? splits));
  const tested = check.cases
    .filter(({ role, valid }) => role === 'testing' && valid)
    .map((one) => trainingCaseOf(one, null));
  return { cases: [...trained, ...tested], splits: before?.splits ?? splits };
}

/** A checked case for a trainer, with all that it is known by. */
export function trainingCaseOf(one: CheckedCase, fold: number | null): TrainingCase {
  const { caseId, images, label, sha256, voxelSha256, patient } = one;
  return { caseId, sha256, voxelSha256: voxelSha256 ?? null, patient: patient ?? null, images, label, fold };
}

/**
 * Folds of an earlier run, kept, also by a case that was renamed or given a new label; each other case goes to its patient's fold, or else to the smallest, in an order by name
 * alone. Null where that run had fewer than two folds with a case.
 */
function keptFolds(
  training: readonly CheckedCase[],
  kept: readonly TrainingCase[],
): { folds: Map<string, number>; splits: number } | null {
  const earlierOf = findSameCases(kept.filter(({ fold }) => fold !== null));
  const folds = new Map<string, number>();
  const ofPatient = new Map<string, number>();
  for (const one of training) {
    const fold = earlierOf(one)[0]?.fold;
    if (fold == null) continue;
    folds.set(one.caseId, fold);
    if (one.patient !== undefined) ofPatient.set(one.patient, fold);
  }
  const splits = 1 + Math.max(-1, ...folds.values());
  const sizes = Array.from({ length: splits }, (_, fold) => [...folds.values()].filter((own) => own === fold).length);
  if (splits < 2 || sizes.includes(0)) return null;
  const rank = (caseId: string): string => createHash('sha256').update(caseId).digest('hex');
  const others = training.filter(({ caseId }) => !folds.has(caseId));
  for (const { caseId, patient } of others.sort((a, b) => (rank(a.caseId) < rank(b.caseId) ? -1 : 1))) {
    const fold = (patient === undefined ? undefined : ofPatient.get(patient)) ?? sizes.indexOf(Math.min(...sizes));
    folds.set(caseId, fold);
    sizes[fold] = (sizes[fold] ?? 0) + 1;
    if (patient !== undefined) ofPatient.set(patient, fold);
  }
  return { folds, splits };
}

/** One of each id, a valid one where there is one: a repeated id is a finding of the check, not another case. */
function distinct(cases: readonly CheckedCase[]): CheckedCase[] {
  const byId = new Map<string, CheckedCase>();
  for (const one of cases) if (byId.get(one.caseId)?.valid !== true) byId.set(one.caseId, one);
  return [...byId.values()];
}
