import { expect, test } from 'vitest';
import { mirrorIfLong } from './mirroring.ts';
import { GIVEN } from './plan-overrides.ts';
import { plannerOf } from './planners.ts';
import { CPU, HIPPOCAMPUS, planInput } from './planning-fixtures.ts';

const planner = plannerOf('segresnet');
const plan = planner.plan(planInput(HIPPOCAMPUS, { device: CPU, overrides: { steps: 50_000 } }));
const mirrors = (given: typeof plan): boolean => given.augmentation.some(({ name }) => name === 'flip');

test('a short training mirrors nothing and says so; a long one mirrors', () => {
  const short = planner.withSteps(plan, 400);
  expect(mirrors(short)).toBe(false);
  expect(short.reasons['augmentation']).toMatch(/no mirroring: \d+ patches/);
  expect(mirrors(planner.withSteps(plan, 40_000))).toBe(true);
});

test('all else of the augmentation stays, and a list given by the user stays whole', () => {
  const others = plan.augmentation.filter(({ name }) => name !== 'flip');
  expect(planner.withSteps(plan, 400).augmentation).toEqual(others);
  const own = { ...plan, reasons: { ...plan.reasons, augmentation: GIVEN } };
  expect(mirrorIfLong(own, 10)).toBe(own);
});

test('an edited plan is used as it is, whatever its length', () => {
  const edited = { ...plan, training: { ...plan.training, steps: 50 } };
  const input = planInput(HIPPOCAMPUS, { device: CPU, overrides: { plans: { segresnet: edited } } });
  const used = planner.plan(input);
  expect(planner.withSteps(used, 50).augmentation).toEqual(plan.augmentation);
});
