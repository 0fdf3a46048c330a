import { Plan } from '@voxhelm/contracts/plan';
import { planHash } from '@voxhelm/nn/checkpoint';
import { expect, test } from 'vitest';
import { planSmaller } from './plan-smaller.ts';
import { planners } from './planners.ts';
import { HIPPOCAMPUS, planInput } from './planning-fixtures.ts';

function planOf(batchSize: number): Plan {
  const planner = planners['segresnet'] as (typeof planners)[string];
  return planner.plan(planInput(HIPPOCAMPUS, { overrides: { batchSize } }));
}

test.each([2, 3, 4, 6, 7])(
  'a batch of %i becomes smaller down to single patches, a step keeping its patches',
  (batch) => {
    const plan = planOf(batch);
    let before = plan;
    for (let times = 1; before.batchSize > 1; times++) {
      const smaller = planSmaller(plan, times);
      expect(Plan.parse(smaller)).toEqual(smaller);
      expect(smaller.batchSize).toBeLessThan(before.batchSize);
      expect(smaller.batchSize * smaller.training.accumulate).toBe(batch);
      expect(smaller.reasons['batchSize']).toMatch(/ran out of memory/);
      // The same training: a checkpoint of one is a checkpoint of the other.
      expect(planHash(smaller)).toBe(planHash(plan));
      before = smaller;
    }
  },
);

test('a single patch that is too much says so', () => {
  expect(() => planSmaller(planOf(1), 1)).toThrow(/single patch of .* too much/);
  expect(planSmaller(planOf(1), 0)).toEqual(planOf(1));
});

test('another batch is another training', () => {
  expect(planHash(planOf(2))).not.toBe(planHash(planOf(4)));
});
