import { VoxhelmError } from '@voxhelm/contracts/errors';
import { seededPermutation } from './random.ts';

/** A training case as far as its fold depends on it. */
export interface FoldCase {
  readonly caseId: string;
  /** Given fold, where the datalist names one. */
  readonly fold?: number | undefined;
  /** Cases of one patient share a fold. */
  readonly patient?: string | undefined;
}

/**
 * The validation fold of each training case, by case id: 0..folds-1. In this order of precedence:
 * - `validationSplits` (nnU-Net's splits_final.json: the validation cases of each fold) is kept as it is; a case in no
 *   split stays out of the result and is always trained on.
 * - Folds given by any case are kept; they must be 0..max without a gap (Auto3DSeg, ../shared/reference/automl.md 1.3);
 *   a case without one is always trained on.
 * - Else patients (a case without a patient is one of its own) are dealt to `folds` folds of nearly equal numbers of
 *   cases, in a random order that belongs to `seed`.
 * With given folds or splits, `folds` may be smaller than their number: cases of the folds left over are trained on.
 * `folds` 1 without given folds validates on a fifth of the cases (at least one). Throws `invalid-request` naming every
 * fault: more folds than given or than patients, a gap, a patient in two folds, a case in two splits or unknown, a fold
 * that leaves nothing to train on. Give all cases of the datalist and leave out the refused ones afterwards, so that one
 * damaged file moves no other case and tears no hole into given folds.
 */
export function assignFolds(
  cases: readonly FoldCase[],
  folds: number,
  seed: number,
  validationSplits?: readonly (readonly string[])[],
): Map<string, number> {
  if (!Number.isInteger(folds) || folds < 1)
    throw fault(`${folds} is no number of folds`, 'Give a whole number from 1.');
  requireDistinct(cases);
  const given = validationSplits === undefined ? givenFolds(cases) : foldsOfSplits(cases, validationSplits);
  if (given.size === 0) return dealtFolds(cases, folds, seed);
  const count = 1 + Math.max(...given.values());
  if (folds > count) {
    throw fault(`${folds} folds are asked for, the dataset gives ${count}`, `Ask for at most ${count} folds.`);
  }
  requirePatientsWhole(cases, given);
  requireTrainingCases(cases, given);
  return new Map([...given].filter(([, fold]) => fold < folds));
}

/** How many folds the dataset itself gives, by folds of its cases or by ready-made splits; null where it gives none. */
export function givenFoldCount(
  cases: readonly FoldCase[],
  validationSplits?: readonly (readonly string[])[],
): number | null {
  if (validationSplits !== undefined) return validationSplits.length;
  const given = cases.flatMap(({ fold }) => (fold === undefined ? [] : [fold]));
  return given.length === 0 ? null : 1 + Math.max(...given);
}

function requireTrainingCases(cases: readonly FoldCase[], given: ReadonlyMap<string, number>): void {
  for (const fold of new Set(given.values())) {
    if (cases.every(({ caseId }) => given.get(caseId) === fold)) {
      throw fault(`fold ${fold} validates every case and leaves none to train on`, 'Give at least two folds.');
    }
  }
}

function givenFolds(cases: readonly FoldCase[]): Map<string, number> {
  const given = new Map<string, number>();
  for (const { caseId, fold } of cases) if (fold !== undefined) given.set(caseId, fold);
  const used = new Set(given.values());
  const missing = Array.from({ length: Math.max(-1, ...used) }, (_, fold) => fold).filter((fold) => !used.has(fold));
  if (missing.length > 0) {
    throw fault(
      `the datalist gives folds ${[...used].sort((a, b) => a - b).join(', ')}; no case has ${missing.join(', ')}`,
      'Number the folds from 0 without a gap, or remove them all.',
    );
  }
  return given;
}

function foldsOfSplits(cases: readonly FoldCase[], splits: readonly (readonly string[])[]): Map<string, number> {
  const known = new Set(cases.map(({ caseId }) => caseId));
  const given = new Map<string, number>();
  const faults: string[] = [];
  for (const [fold, split] of splits.entries()) {
    if (split.length === 0) faults.push(`fold ${fold} validates no case`);
    for (const caseId of split) {
      const other = given.get(caseId);
      if (!known.has(caseId)) faults.push(`${caseId} in fold ${fold} is no training case`);
      else if (other !== undefined) faults.push(`${caseId} is in the folds ${other} and ${fold}`);
      else given.set(caseId, fold);
    }
  }
  if (faults.length > 0) throw fault(`the given splits do not fit: ${faults.join('; ')}`, 'Correct splits_final.json.');
  return given;
}

function requireDistinct(cases: readonly FoldCase[]): void {
  const seen = new Set<string>();
  for (const { caseId } of cases) {
    if (seen.has(caseId)) throw fault(`two training cases are named ${caseId}`, 'Give each case a name of its own.');
    seen.add(caseId);
  }
}

/** A patient in training and in validation would flatter every score. */
function requirePatientsWhole(cases: readonly FoldCase[], given: ReadonlyMap<string, number>): void {
  const foldOf = new Map<string, number | undefined>();
  const torn = new Set<string>();
  for (const { caseId, patient } of cases) {
    if (patient === undefined) continue;
    const fold = given.get(caseId);
    if (foldOf.has(patient) && foldOf.get(patient) !== fold) torn.add(patient);
    foldOf.set(patient, fold);
  }
  if (torn.size > 0) {
    throw fault(
      `cases of one patient are in different folds: ${[...torn].join(', ')}`,
      'Put all cases of a patient in one fold.',
    );
  }
}

/** Largest patients first, each to the fold with the fewest cases so far; the shuffle decides among equals. */
function dealtFolds(cases: readonly FoldCase[], folds: number, seed: number): Map<string, number> {
  const patients = new Map<string, string[]>();
  for (const { caseId, patient } of cases) {
    const key = patient === undefined ? `case ${caseId}` : `patient ${patient}`;
    patients.set(key, [...(patients.get(key) ?? []), caseId]);
  }
  // One fold alone still needs cases to train on: it takes the share that one of five would.
  const dealt = folds === 1 ? Math.min(5, patients.size) : folds;
  if (patients.size < Math.max(2, dealt)) {
    throw fault(
      `${folds} folds need ${Math.max(2, dealt)} patients or more, the dataset has ${patients.size}`,
      'Ask for fewer folds or give more cases.',
    );
  }
  const groups = [...patients.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, caseIds]) => caseIds);
  const order = [...seededPermutation(groups.length, seed, 'folds')];
  const shuffled = order.map((index) => groups[index] as string[]).sort((a, b) => b.length - a.length);
  const sizes = new Array<number>(dealt).fill(0);
  const assigned = new Map<string, number>();
  for (const caseIds of shuffled) {
    const fold = sizes.indexOf(Math.min(...sizes));
    sizes[fold] = (sizes[fold] as number) + caseIds.length;
    for (const caseId of caseIds) assigned.set(caseId, fold);
  }
  return new Map(
    cases.flatMap(({ caseId }) => {
      const fold = assigned.get(caseId) as number;
      return fold < folds ? [[caseId, fold] as const] : [];
    }),
  );
}

function fault(message: string, fix: string): VoxhelmError {
  return new VoxhelmError('invalid-request', message, { fix });
}
