import { expect, test } from 'vitest';
import { plannerOf, planners } from './planners.ts';

test('each planner stands under its own name, and an unknown one is refused with those that exist', () => {
  for (const [name, planner] of Object.entries(planners)) expect(planner.name).toBe(name);
  expect(() => plannerOf('forest')).toThrow(/no algorithm "forest"/);
  expect(() => plannerOf('constructor')).toThrow(/no algorithm/);
});
