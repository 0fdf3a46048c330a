import type { RunDetail } from '@voxhelm/contracts/api';
import type { Finding } from '@voxhelm/contracts/dataset';
import { expect, test } from 'vitest';
import { findingLines } from './findings.ts';
import { failureLines } from './run-report.ts';

const finding = (subject: string, facts: Partial<Finding> = {}): Finding => ({
  case: subject,
  file: `/data/${subject}.nii`,
  code: 'not-finite',
  severity: 'error',
  message: `${subject} has NaN`,
  fix: 'Replace them.',
  ...facts,
});

test('findings stand case by case, a line each, errors first; one of the whole dataset names no case', () => {
  const unknown = finding('', { severity: 'warning', code: 'modality-unknown', message: 'no modality' });
  const lines = findingLines([unknown, finding('a'), finding('b'), finding('a', { code: 'label-not-whole' })]);
  expect(lines[0]).toBe('3 errors, 1 warning');
  expect(lines.filter((line) => /^[✗!]/.test(line))).toEqual([
    '✗ a [not-finite] a has NaN',
    '✗ a [label-not-whole] a has NaN',
    '✗ b [not-finite] b has NaN',
    '! [modality-unknown] no modality',
  ]);
});

test('a refused run shows each finding once, and where the rest is', () => {
  const names = Array.from({ length: 60 }, (_, index) => `case-${index}`);
  const run = (count: number): Pick<RunDetail, 'id' | 'failure' | 'findings'> => ({
    id: 'run_1',
    failure: { code: 'bad-dataset', message: 'the dataset check found errors', fix: 'Correct the files.' },
    findings: names.slice(0, count).map((name) => finding(name)),
  });
  const all = failureLines(run(25)).join('\n');
  for (const name of names.slice(0, 25)) expect(all.split(`✗ ${name} `)).toHaveLength(2);
  expect(all).not.toContain('more');
  expect(all.split('the dataset check found errors')).toHaveLength(2);
  const many = failureLines(run(60));
  expect(many.filter((line) => line.startsWith('✗'))).toHaveLength(50);
  expect(many.at(-1)).toBe('… and 10 more: npx voxhelm show run_1 --json');
  const own = { code: 'bad-dataset' as const, message: 'no modality', fix: 'Give one.' };
  expect(failureLines({ id: 'run_1', failure: own, findings: [finding('', { message: 'no modality' })] })).toEqual([
    'failed: no modality',
    '  Give one.',
  ]);
  expect(failureLines({ id: 'run_1', failure: null, findings: [finding('a')] })).toEqual([]);
});
