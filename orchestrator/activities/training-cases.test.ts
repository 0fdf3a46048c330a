import type { CheckedCase, DatasetCheck } from '@voxhelm/contracts/dataset';
import { expect, test } from 'vitest';
import { seenBefore } from './start-weights.ts';
import { splitCases } from './training-cases.ts';

function check(ids: readonly string[], more: (id: string) => Partial<CheckedCase> = () => ({})): DatasetCheck {
  const cases = ids.map(
    (caseId): CheckedCase => ({
      caseId,
      role: 'training',
      images: [caseId],
      label: 'l',
      valid: true,
      sha256: null,
      shape: null,
      spacingMm: null,
      ...more(caseId),
    }),
  );
  const datalist = {
    schemaVersion: 1,
    name: 'd',
    root: '/d',
    layout: 'folder',
    modalities: [],
    channelNames: [],
    labels: [],
  };
  return {
    schemaVersion: 1,
    datalist: { ...datalist, training: [], testing: [] },
    cases,
    findings: [],
    fingerprint: '',
  } as DatasetCheck;
}

const ids = Array.from({ length: 12 }, (_, i) => `c${String(i).padStart(2, '0')}`);

test('comparison cases are neither trained on nor tested', () => {
  const { cases } = splitCases(check(ids), 3, 0, { isHeldOut: ({ caseId }) => caseId < 'c03' });
  expect(cases.map(({ caseId }) => caseId)).toEqual(ids.slice(3));
  expect(new Set(cases.map(({ fold }) => fold))).toEqual(new Set([0, 1, 2]));
});

test('a retraining keeps every fold: its validation cases are none that the weights it starts from were trained on', () => {
  const before = splitCases(check(ids), 3, 0);
  const more = [...ids, 'd0', 'd1', 'd2', 'd3'];
  const now = splitCases(check(more), 3, 7, { kept: before.cases });
  for (const { caseId, fold } of before.cases) expect(now.cases.find((one) => one.caseId === caseId)?.fold).toBe(fold);
  const sizes = [0, 1, 2].map((fold) => now.cases.filter((one) => one.fold === fold).length).sort((a, b) => a - b);
  expect(sizes).toEqual([5, 5, 6]);
  for (const fold of [0, 1, 2]) expect(seenBefore(fold, now.cases, before.cases)).toEqual([]);
  // Dealt anew, cases would change folds, and the weights would have seen them.
  const anew = splitCases(check(more), 3, 7);
  expect([0, 1, 2].flatMap((fold) => seenBefore(fold, anew.cases, before.cases)).length).toBeGreaterThan(0);
});

test('a new case of a known patient goes to that patient', () => {
  const ofPatient = (id: string) => ({ patient: id === 'd0' ? 'c05' : id });
  const before = splitCases(check(ids, ofPatient), 3, 0);
  const now = splitCases(check([...ids, 'd0'], ofPatient), 3, 0, { kept: before.cases });
  const foldOf = (id: string) => now.cases.find(({ caseId }) => caseId === id)?.fold;
  expect(foldOf('d0')).toBe(foldOf('c05'));
});

test('a patient whose stray case was refused is whole again: given folds are kept and the run goes on', () => {
  const stray = (valid: boolean) => (id: string) =>
    ({ a: { patient: '7', fold: 0 }, b: { patient: '8', fold: 1 }, c: { patient: '7', fold: 1, valid } })[id] ?? {};
  const { cases, splits } = splitCases(check(['a', 'b', 'c'], stray(false)), undefined, 0);
  expect(splits).toBe(2);
  expect(cases.map(({ caseId, fold }) => [caseId, fold])).toEqual([
    ['a', 0],
    ['b', 1],
  ]);
  expect(() => splitCases(check(['a', 'b', 'c'], stray(true)), undefined, 0)).toThrow(/one patient/);
});

const SHA = (text: string) => text.repeat(64).slice(0, 64);
const byContent = (id: string) => ({ sha256: SHA(id.at(-1) ?? ''), voxelSha256: SHA(`${id.at(-1)}v`) });

test('a case that was renamed keeps its fold, by its files or by its image, and the weights that saw it are known', () => {
  const few = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6'];
  const before = splitCases(check(few, byContent), 3, 0);
  const foldOf = (cases: typeof before.cases, id: string) => cases.find(({ caseId }) => caseId === id)?.fold;
  // c1 only moved; c2 moved and its label was corrected.
  const moved = check(['new1', 'new2', 'c3', 'c4', 'c5', 'c6'], (id) => ({
    ...byContent(id),
    ...(id === 'new2' ? { sha256: SHA('x') } : {}),
  }));
  const now = splitCases(moved, 3, 0, { kept: before.cases });
  expect(foldOf(now.cases, 'new1')).toBe(foldOf(before.cases, 'c1'));
  expect(foldOf(now.cases, 'new2')).toBe(foldOf(before.cases, 'c2'));
  const fold = foldOf(before.cases, 'c1') ?? 0;
  const elsewhere = now.cases.map((one) => (one.caseId === 'new1' ? { ...one, fold: (fold + 1) % 3 } : one));
  expect(seenBefore((fold + 1) % 3, elsewhere, before.cases)).toContain('new1');
});
