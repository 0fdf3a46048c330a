import { planners } from '@voxhelm/algorithms/planners';
import { CPU, HIPPOCAMPUS, planInput } from '@voxhelm/algorithms/planning-fixtures';
import type { VoxhelmError } from '@voxhelm/contracts/errors';
import { RunRequest, type RunRequestInput } from '@voxhelm/contracts/run';
import { expect, test } from 'vitest';
import { problemOf } from './errors.ts';
import { checkRunRequest } from './run-create.ts';

/** What the API answers to a request with these spaces; null where it accepts it. */
function refusalOf(spaces: Record<string, Record<string, unknown>>, more: Partial<RunRequestInput> = {}) {
  return refused({ search: { spaces }, ...more });
}

function refused(more: Partial<RunRequestInput>) {
  const request = RunRequest.parse({ dataset: 'd', ...more });
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

test('an option that the network does not have is refused by its name with the nearest, and where nobody names algorithms only if none has it', () => {
  expect(refused({ algorithms: ['segresnet'], plan: { network: { init_filter: 16 } } })).toMatchObject({
    status: 400,
    detail: expect.stringContaining(
      '"init_filter" is no option of the network of segresnet; did you mean "init_filters"?',
    ),
    errors: [{ pointer: '/plan/network/init_filter', suggestion: 'init_filters' }],
  });
  expect(refused({ algorithms: ['segresnet', 'unet'], plan: { network: { init_filters: 16 } } })?.errors).toMatchObject(
    [{ pointer: '/plan/network/init_filters', message: expect.stringContaining('the network of unet') }],
  );
  expect(refused({ plan: { network: { init_filters: 16, upsample_mode: 'deconv' } } })).toBeNull();
  expect(refused({ plan: { network: { feature_sise: 24 } } })?.errors).toMatchObject([{ suggestion: 'feature_size' }]);
  expect(refused({ plan: { network: { feature_size: 24, init_filters: 8 } } })?.errors).toMatchObject([
    { pointer: '/plan/network', message: expect.stringContaining('no network has all of') },
  ]);
});

test('freezing without weights to keep, or of a network without an encoder, is refused at submission', () => {
  const frozen = { freeze: 'encoder', startFrom: '/weights.pt' } as const;
  expect(refused({ plan: { freeze: 'encoder' } })?.errors).toMatchObject([
    { pointer: '/plan/freeze', message: expect.stringContaining('plan.startFrom') },
  ]);
  expect(refused({ algorithms: ['segresnet', 'dints'], plan: frozen })?.errors).toMatchObject([
    { pointer: '/plan/freeze', message: expect.stringMatching(/^dints has no encoder/) },
  ]);
  expect(refused({ plan: frozen })).toBeNull();
});

test('class ratios for another number of labels than the request names, or all 0, are refused at submission', () => {
  const labels = { 1: 'head', 2: 'tail' };
  expect(refused({ labels, plan: { classRatios: [1, 2] } })?.errors).toMatchObject([
    { pointer: '/plan/classRatios', message: expect.stringContaining('2 numbers for 3 labels') },
  ]);
  expect(refused({ labels, plan: { classRatios: [1, 2, 2] } })).toBeNull();
  expect(refused({ plan: { classRatios: [0, 0, 0] } })?.errors).toMatchObject([{ pointer: '/plan/classRatios' }]);
});

test('every parameter that a plan searches is accepted', () => {
  for (const planner of Object.values(planners)) {
    const plan = planner.plan(planInput(HIPPOCAMPUS, { device: CPU }));
    const given = Object.fromEntries(Object.entries(planner.defaults(plan)).map(([name, value]) => [name, [value]]));
    expect(refusalOf({ [planner.name]: given })).toBeNull();
    expect(planner.searched).toEqual(expect.arrayContaining(Object.keys(planner.space(plan))));
  }
});
