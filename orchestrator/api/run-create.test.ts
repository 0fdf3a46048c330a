import { planners } from '@voxhelm/algorithms/planners';
import { CPU, HIPPOCAMPUS, planInput } from '@voxhelm/algorithms/planning-fixtures';
import type { VoxhelmError } from '@voxhelm/contracts/errors';
import { RunRequest, type RunRequestInput } from '@voxhelm/contracts/run';
import { expect, test } from 'vitest';
import { problemOf } from './errors.ts';
import { checkRunRequest } from './run-create.ts';

/** What the API answers to a request with these spaces; null where it accepts it. */
function refusalOf(spaces: Record<string, Record<string, unknown>>, more: Partial<RunRequestInput> = {}) {
  const request = RunRequest.parse({ dataset: 'd', search: { spaces }, ...more });
  try {
    checkRunRequest(request, Object.keys(planners));
    return null;
  } catch (error) {
    return problemOf(error as VoxhelmError, '/v1/runs');
  }
}

test('a parameter that no plan of the algorithm has is refused at submission, with the nearest name', () => {
  expect(refusalOf({ segresnet: { learningrate: 1e-3 } })).toMatchObject({
    status: 422,
    errors: [{ pointer: '/search/spaces/segresnet/learningrate', suggestion: 'learningRate' }],
  });
  expect(refusalOf({ unet: { initFilters: [8, 16] } })?.errors?.[0]?.message).toContain(
    'it has learningRate, weightDecay, augmentation',
  );
  expect(refusalOf({ segresnt: { learningRate: 1e-3 } })?.errors?.[0]).toMatchObject({ suggestion: 'segresnet' });
});

test('ranges that make no sense, and spaces of an algorithm that the run does not try, are refused by their place', () => {
  expect(refusalOf({ segresnet: { learningRate: { low: 0.1, high: 0.01 } } })).toMatchObject({
    status: 422,
    errors: [{ pointer: '/search/spaces/segresnet/learningRate' }],
  });
  expect(refusalOf({ unet: { weightDecay: 1e-5 } }, { algorithms: ['segresnet'] })?.errors).toMatchObject([
    { pointer: '/search/spaces/unet', message: expect.stringContaining('segresnet') },
  ]);
});

test('every parameter that a plan searches is accepted', () => {
  for (const planner of Object.values(planners)) {
    const plan = planner.plan(planInput(HIPPOCAMPUS, { device: CPU }));
    const given = Object.fromEntries(Object.entries(planner.defaults(plan)).map(([name, value]) => [name, [value]]));
    expect(refusalOf({ [planner.name]: given })).toBeNull();
    expect(planner.searched).toEqual(expect.arrayContaining(Object.keys(planner.space(plan))));
  }
});
