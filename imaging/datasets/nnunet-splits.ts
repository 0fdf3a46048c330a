import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Datalist, Finding } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { z } from 'zod';

const Splits = z.array(z.object({ train: z.array(z.string()), val: z.array(z.string()) })).min(1);
type Splits = z.infer<typeof Splits>;

/**
 * nnU-Net's splits_final.json in the raw folder, beside it, or where nnU-Net keeps it (nnUNet_preprocessed); nothing where
 * there is none. What contradicts itself is a finding and left out of the splits, so that a run with `skipInvalid` can go
 * on: a case that is trained on and validated in one fold, or validated in two, or is none of the `known` training cases.
 * Throws `invalid-request` for a file of another form.
 */
export function readSplits(
  root: string,
  known: ReadonlySet<string>,
): Pick<Datalist, 'validationSplits' | 'findings'> | null {
  const path = [
    join(root, 'splits_final.json'),
    join(root, '..', 'splits_final.json'),
    join(root, '..', '..', 'nnUNet_preprocessed', basename(root), 'splits_final.json'),
  ].find((candidate) => existsSync(candidate));
  if (path === undefined) return null;
  const splits = parseSplits(path);
  const findings = [...strangers(splits, known), ...contradictions(splits, known)].map(
    ([caseId, message, fix]): Finding => ({
      case: caseId,
      file: path,
      code: 'split-conflict',
      severity: 'error',
      message,
      fix,
    }),
  );
  const placed = new Set<string>();
  const validationSplits = splits.map(({ val }) =>
    val.filter((id) => {
      if (!known.has(id) || placed.has(id)) return false;
      placed.add(id);
      return true;
    }),
  );
  return { validationSplits, ...(findings.length === 0 ? {} : { findings }) };
}

function parseSplits(path: string): Splits {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new VoxhelmError(
      'invalid-request',
      `${path} is no JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const parsed = Splits.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new VoxhelmError('invalid-request', `${path}:\n${z.prettifyError(parsed.error)}`, {
    fix: 'Write a list of {"train": [case ids], "val": [case ids]}, one per fold.',
  });
}

/** Case, message, fix. */
type Fault = readonly [string, string, string];

function strangers(splits: Splits, known: ReadonlySet<string>): Fault[] {
  const foldsOf = new Map<string, Set<number>>();
  for (const [fold, { train, val }] of splits.entries()) {
    for (const id of [...train, ...val]) {
      if (!known.has(id)) foldsOf.set(id, (foldsOf.get(id) ?? new Set<number>()).add(fold));
    }
  }
  return [...foldsOf].map(([id, folds]) => [
    id,
    `splits_final.json names it in ${inFolds([...folds])}, but imagesTr has no such case`,
    'Take it out of splits_final.json, or add its image and label.',
  ]);
}

function contradictions(splits: Splits, known: ReadonlySet<string>): Fault[] {
  const faults: Fault[] = [];
  const validatedIn = new Map<string, number[]>();
  const bothIn = new Map<string, number[]>();
  for (const [fold, { train, val }] of splits.entries()) {
    const trained = new Set(train);
    for (const id of new Set(val)) {
      if (!known.has(id)) continue;
      validatedIn.set(id, [...(validatedIn.get(id) ?? []), fold]);
      if (trained.has(id)) bothIn.set(id, [...(bothIn.get(id) ?? []), fold]);
    }
  }
  for (const [id, folds] of bothIn) {
    faults.push([
      id,
      `splits_final.json lists it under train and under val of ${inFolds(folds)}: its score would be that of a case it was trained on`,
      `Keep it under train or under val of ${inFolds(folds)}.`,
    ]);
  }
  for (const [id, folds] of validatedIn) {
    if (folds.length > 1) {
      faults.push([id, `splits_final.json validates it in ${inFolds(folds)}`, 'Keep it under val of one fold.']);
    }
  }
  return faults;
}

function inFolds(folds: readonly number[]): string {
  return `${folds.length === 1 ? 'fold' : 'folds'} ${folds.join(', ')}`;
}
