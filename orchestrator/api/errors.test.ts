import { VoxhelmError } from '@voxhelm/contracts/errors';
import { Plan } from '@voxhelm/contracts/plan';
import { RunRequest } from '@voxhelm/contracts/run';
import { expect, test } from 'vitest';
import { type FieldError, isDatabaseAway, parseRequest, problemOf, schemaErrors } from './errors.ts';

function errorsOf(body: unknown): FieldError[] {
  try {
    parseRequest(RunRequest, body, 'the body');
  } catch (error) {
    return (error as VoxhelmError).details['errors'] as FieldError[];
  }
  return [];
}

test('every wrong field is named by its JSON pointer, all at once', () => {
  const errors = errorsOf({ folds: 0, plan: { spacingMm: [1, 'a', 1], learningRate: -1 }, labels: { 'a/b': 'x' } });
  expect(new Set(errors.map(({ pointer }) => pointer))).toEqual(
    new Set(['/dataset', '/folds', '/labels/a~1b', '/plan/learningRate', '/plan/spacingMm/1']),
  );
});

test('a field that is not there is called missing', () => {
  expect(errorsOf({ name: 'x' })).toEqual([{ pointer: '/dataset', message: 'is missing' }]);
});

test('an unknown field suggests the nearest that exists at that place', () => {
  expect(errorsOf({ dataset: 'd', algoritms: [] })).toMatchObject([
    { pointer: '/algoritms', suggestion: 'algorithms' },
  ]);
  expect(errorsOf({ dataset: 'd', search: { trails: 3 } })).toMatchObject([
    { pointer: '/search/trails', suggestion: 'trials' },
  ]);
  expect(errorsOf({ dataset: 'd', plan: { batchsize: 2 } })).toMatchObject([{ suggestion: 'batchSize' }]);
  expect(errorsOf({ dataset: 'd', zzzzzzzzzz: 1 })[0]).not.toHaveProperty('suggestion');
});

test('in a whole plan too, under its place in the request', () => {
  const errors = schemaErrors(Plan, { trainning: {} }, '/plan/plans/segresnet');
  expect(errors).toContainEqual({
    pointer: '/plan/plans/segresnet/trainning',
    message: 'unknown field "trainning"; did you mean "training"?',
    suggestion: 'training',
  });
});

test('a word that is not allowed suggests the nearest that is', () => {
  expect(errorsOf({ dataset: 'd', modality: 'MR' })).toMatchObject([{ pointer: '/modality', suggestion: 'MRI' }]);
});

test('in lists of named things too: transforms and losses with their own options', () => {
  const planErrors = (plan: unknown) => errorsOf({ dataset: 'd', plan });
  expect(planErrors({ augmentation: [{ name: 'RandFlip' }] })).toMatchObject([
    { pointer: '/plan/augmentation/0/name', suggestion: 'RandFlipd' },
  ]);
  expect(planErrors({ augmentation: [{ name: 'RandAffined', rotat_range: [1] }] })).toMatchObject([
    { pointer: '/plan/augmentation/0/rotat_range', suggestion: 'rotate_range' },
  ]);
  // "sigma_x" is another transform's.
  expect(planErrors({ augmentation: [{ name: 'RandFlipd', sigma_y: 1 }] })[0]).not.toHaveProperty('suggestion');
  expect(planErrors({ loss: { name: 'TverskyLoss', options: { aplha: 1 } } })).toMatchObject([{ suggestion: 'alpha' }]);
});

test('an internal fault shows nothing of itself, a refusal its words and what to do', () => {
  const internal = problemOf(new Error('password=hunter2 at /srv/secret.ts:3'), '/v1/runs');
  expect(internal).toMatchObject({ status: 500, code: 'internal' });
  expect(JSON.stringify(internal)).not.toMatch(/hunter2|secret/);
  const refusal = problemOf(new VoxhelmError('conflict', 'run is over', { fix: 'Submit a new one.' }), '/v1/runs/1');
  expect(refusal).toMatchObject({
    status: 409,
    detail: 'run is over',
    fix: 'Submit a new one.',
    instance: '/v1/runs/1',
  });
});

test('a connection that is refused or cut counts as the database being away, a wrong query does not', () => {
  const prisma = (facts: object): Error =>
    Object.assign(new Error('x'), { name: 'PrismaClientKnownRequestError' }, facts);
  expect(isDatabaseAway(prisma({ code: 'P1001' }))).toBe(true);
  expect(isDatabaseAway(prisma({ code: 'P2010', message: 'Server has closed the connection' }))).toBe(true);
  expect(isDatabaseAway(prisma({ code: 'P2002' }))).toBe(false);
  expect(isDatabaseAway(new Error('ECONNREFUSED'))).toBe(false);
});
