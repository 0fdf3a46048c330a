import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { architectureSearcherOf } from './network-searchers.ts';
import { networkOf } from './networks.ts';
import { plannerOf, planners } from './planners.ts';
import { HIPPOCAMPUS, planInput } from './planning-fixtures.ts';

test('each planner stands under its own name, and an unknown one is refused with those that exist', () => {
  for (const [name, planner] of Object.entries(planners)) expect(planner.name).toBe(name);
  expect(() => plannerOf('forest')).toThrow(/no algorithm "forest"/);
  expect(() => plannerOf('constructor')).toThrow(/no algorithm/);
});

test.each(Object.keys(planners))('%s runs the contract suite, and its folder tells what it is', (name) => {
  const folder = join(import.meta.dirname, name);
  const suite = join(folder, `${name}.contract.test.ts`);
  expect(existsSync(suite), `${suite} is missing: every algorithm passes algorithm-contract.ts`).toBe(true);
  expect(readFileSync(suite, 'utf8')).toMatch(/^testAlgorithm\(\w+, /m);
  const docs = readFileSync(join(import.meta.dirname, '../docs/algorithms.md'), 'utf8');
  expect(docs).toContain(`algorithms/${name}/`);
});

test.each(Object.values(planners))('$name: the other lists have its network, and who searches it', (planner) => {
  const plan = planner.plan(planInput(HIPPOCAMPUS));
  expect(networkOf(plan.network).class).toBe(plan.network.class);
  if (plan.architectureSearch !== undefined) expect(architectureSearcherOf(plan)).toBeDefined();
});

test('no plan names another algorithm in what it tells: a new one changes nothing but its folder and the lists', () => {
  for (const name of Object.keys(planners)) {
    const source = readFileSync(join(import.meta.dirname, name, 'plan.ts'), 'utf8');
    const lines = source.split('\n').filter((line) => !line.startsWith('import '));
    for (const other of Object.keys(planners).filter((each) => each !== name)) {
      const quoted = new RegExp(`['\`"][^'\`"]*\\b${other}\\b[^'\`"]*['\`"]`);
      expect(lines.filter((line) => quoted.test(line))).toEqual([]);
    }
  }
});
