import { expect, test } from 'vitest';
import { errorOf } from './api-client.ts';

const problem = { type: 'urn:x', title: 'Bad Request', status: 400, code: 'invalid-request' as const };

test('a problem document says each fault once', () => {
  const unknown = { pointer: '/fold', message: 'unknown field "fold"; did you mean "folds"?', suggestion: 'folds' };
  const error = errorOf({
    ...problem,
    detail: `the request's body is wrong at /fold: ${unknown.message} (and 1 more)`,
    errors: [unknown, { pointer: '/modality', message: 'is no modality', suggestion: 'MRI' }],
    fix: 'Correct the fields.',
  });
  expect(error.message.split('\n')).toEqual([
    `the request's body is wrong at /fold: ${unknown.message} (and 1 more)`,
    '  /modality: is no modality',
    '  /modality: did you mean "MRI"?',
  ]);
  expect(error).toMatchObject({ code: 'invalid-request', fix: 'Correct the fields.' });
});

test('a refusal for one finding says it once', () => {
  const finding = {
    case: 'a',
    file: 'a.nii.gz',
    code: 'label-empty',
    severity: 'error',
    message: 'a.nii.gz is empty.',
  };
  const other = { ...finding, case: 'b', message: 'b.nii.gz is empty.' };
  const error = errorOf({
    ...problem,
    detail: `a is refused: ${finding.message}`,
    findings: [finding, other] as never,
  });
  expect(error.message.split('\n')).toEqual(['a is refused: a.nii.gz is empty.', '  b: b.nii.gz is empty.']);
});
