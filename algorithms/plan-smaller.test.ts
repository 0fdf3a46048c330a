import { Plan } from '@voxhelm/contracts/plan';
import { planHash } from '@voxhelm/nn/checkpoint';
import { expect, test } from 'vitest';
import { volume } from './axes.ts';
import { valuePaths } from './plan-overrides.ts';
import { asSmallAs, planSmaller } from './plan-smaller.ts';
import { plannerOf, planners } from './planners.ts';
import { BRAIN, gpu, HIPPOCAMPUS, planInput } from './planning-fixtures.ts';

const planner = plannerOf('segresnet');

function planOf(batchSize: number): Plan {
  return planner.plan(planInput(HIPPOCAMPUS, { overrides: { batchSize } }));
}

const smallerBy = (plan: Plan, times: number): Plan =>
  planSmaller(plan, plannerOf(plan.algorithm).patchGrid(plan), times);

test.each([2, 3, 4, 6, 7])(
  'a batch of %i becomes smaller down to single patches, a step keeping its patches',
  (batch) => {
    const plan = planOf(batch);
    let before = plan;
    for (let times = 1; before.batchSize > 1; times++) {
      const smaller = smallerBy(plan, times);
      expect(Plan.parse(smaller)).toEqual(smaller);
      expect(smaller.batchSize).toBeLessThan(before.batchSize);
      expect(smaller.batchSize * smaller.training.accumulate).toBe(batch);
      expect(smaller.patchSize).toEqual(plan.patchSize);
      expect(smaller.reasons['batchSize']).toMatch(/ran out of memory/);
      // The same training: a checkpoint of one is a checkpoint of the other.
      expect(planHash(smaller)).toBe(planHash(plan));
      before = smaller;
    }
  },
);

test('a plan whose process was killed says no more than that', () => {
  const plan = planOf(2);
  const smaller = planSmaller(plan, planner.patchGrid(plan), 2, 'killed');
  const { batchSize, patchSize, plannedPatchSize } = smaller.reasons;
  expect([batchSize, patchSize]).toEqual(Array(2).fill(expect.stringContaining('killed, perhaps for lack of memory')));
  expect(plannedPatchSize).toBe('what was planned before its process was killed');
});

test.each(Object.keys(planners))(
  'then the patch of %s shrinks by a third or more each time, to its smallest',
  (name) => {
    const plan = plannerOf(name).plan(planInput(BRAIN, { device: gpu(80) }));
    const { divisor } = plannerOf(name).patchGrid(plan);
    let before = plan;
    let times = 0;
    for (; times < 40; times++) {
      let smaller: Plan;
      try {
        smaller = smallerBy(plan, times + 1);
      } catch (error) {
        expect(error).toMatchObject({ code: 'out-of-memory', details: { smallest: true } });
        break;
      }
      expect(Plan.parse(smaller)).toEqual(smaller);
      expect(new Set(Object.keys(smaller.reasons))).toEqual(new Set(valuePaths(smaller)));
      if (before.batchSize === 1) {
        expect(volume(smaller.patchSize)).toBeLessThan(volume(before.patchSize));
        smaller.patchSize.forEach((size, axis) => expect(size % (divisor[axis] as number)).toBe(0));
        expect(smaller.plannedPatchSize).toEqual(plan.patchSize);
        expect(smaller.reasons['patchSize']).toMatch(
          `in place of ${plan.patchSize.join(' x ')}: the device ran out of memory`,
        );
        // Its checkpoints are gone on from.
        expect(planHash(smaller)).toBe(planHash(plan));
      }
      before = smaller;
    }
    expect(before.batchSize).toBe(1);
    expect(times).toBeLessThan(30);
    expect(volume(before.patchSize)).toBeLessThan(volume(plan.patchSize) / 3);
  },
);

test('a patch of 128 x 128 x 96 becomes 112 x 96 x 96 of the same network', () => {
  const planned = planner.plan(planInput(BRAIN, { device: gpu(32) }));
  const plan: Plan = { ...planned, patchSize: [128, 128, 96], batchSize: 1 };
  expect(smallerBy(plan, 1)).toMatchObject({ patchSize: [112, 96, 96], network: plan.network });
  expect(smallerBy(plan, 0)).toBe(plan);
});

test('a single patch that the user gave is not changed: it is too much, and that is said', () => {
  const given = planner.plan(planInput(HIPPOCAMPUS, { overrides: { batchSize: 1, patchSize: [32, 48, 32] } }));
  expect(() => smallerBy(given, 1)).toThrow(/single patch of 32 x 48 x 32 is too much for the device, and it is given/);
});

test('another batch is another training, and another planned patch', () => {
  expect(planHash(planOf(2))).not.toBe(planHash(planOf(4)));
  expect(planHash({ ...planOf(2), patchSize: [32, 32, 32] })).not.toBe(planHash(planOf(2)));
});

test('a further fold begins as small as the winner ended, and another plan stays as it is', () => {
  const plan = planOf(2);
  const fold = { ...plan, fold: 1, training: { ...plan.training, steps: 77 } };
  for (const times of [1, 2]) {
    const trained = smallerBy(plan, times);
    const smaller = asSmallAs(fold, trained);
    expect(smaller).toEqual({ ...trained, fold: 1, training: { ...trained.training, steps: 77 } });
    expect(new Set(Object.keys(smaller.reasons))).toEqual(new Set(valuePaths(smaller)));
  }
  expect(asSmallAs(fold, plan)).toBe(fold);
  expect(asSmallAs(fold, smallerBy(planOf(4), 3))).toBe(fold);
});
