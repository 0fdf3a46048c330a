import type { ArchitectureSearch, Plan } from '@voxhelm/contracts/plan';
import { describe, expect, test } from 'vitest';
import { valuePaths } from '../plan-overrides.ts';
import { CPU, gpu, HIPPOCAMPUS, planInput } from '../planning-fixtures.ts';
import { segresnet } from '../segresnet/plan.ts';
import { dints } from './plan.ts';

function planWith(device: typeof CPU, architectureSearch: Partial<ArchitectureSearch>): Plan {
  return dints.plan(planInput(HIPPOCAMPUS, { device, overrides: { architectureSearch } }));
}

const searchOf = (...given: Parameters<typeof planWith>) => planWith(...given).architectureSearch as ArchitectureSearch;
/** How far the choices move in all steps together. */
const distance = ({ steps, warmupSteps, architectureLearningRate }: ArchitectureSearch) =>
  (steps - warmupSteps) * architectureLearningRate;

describe.each([
  ['a CPU', CPU],
  ['a GPU', gpu(32)],
])('a search whose steps the user gave, on %s', (_, device) => {
  const planned = searchOf(device, {});

  test('warms up for the same share and goes as far, as docs/algorithms.md has it', () => {
    const plan = planWith(device, { steps: 200, memoryBudget: 0.3 });
    const search = plan.architectureSearch as ArchitectureSearch;
    expect(search).toMatchObject({ steps: 200, memoryBudget: 0.3, checkpointEverySteps: planned.checkpointEverySteps });
    expect(search.warmupSteps / 200).toBeCloseTo(planned.warmupSteps / planned.steps, 2);
    expect(distance(search)).toBeCloseTo(distance(planned), 9);
    expect(new Set(Object.keys(plan.reasons))).toEqual(new Set(valuePaths(plan)));
    expect(plan.reasons).toMatchObject({
      'architectureSearch.steps': 'given by the user',
      'architectureSearch.warmupSteps': expect.stringContaining('for the 200 given by the user'),
    });
  });

  test('may be as short as one step and as long as wanted; a few steps never jump', () => {
    for (const steps of [1, 2, 12, 30, 10_000]) {
      const search = searchOf(device, { steps });
      expect(search.warmupSteps).toBeLessThan(steps);
      expect(search.architectureLearningRate).toBeLessThanOrEqual(0.3);
    }
  });

  test('keeps what else the user gave; a warm-up of all steps is refused', () => {
    const given = { steps: 40, warmupSteps: 5, architectureLearningRate: 0.02 };
    expect(searchOf(device, given)).toMatchObject(given);
    expect(() => planWith(device, { steps: 40, warmupSteps: 40 })).toThrow(/40 steps that warms up for 40/);
  });

  test('is not cut by a budget, a planned one is', () => {
    const given = planWith(device, { steps: 60 });
    expect(dints.withSearchSteps?.(given, 30)).toEqual(given);
    const cut = dints.withSearchSteps?.(planWith(device, {}), 60).architectureSearch;
    expect(cut).toEqual(given.architectureSearch);
  });
});

test('a patch that the user gave decides where patches lie and how many a batch has, as it does in SegResNet', () => {
  const side = (size: number): readonly [number, number, number] => [size, size, size];
  const ofSide = (size: number) => ({
    ...HIPPOCAMPUS,
    voxels: [side(size), side(size), side(size)] as const,
    labelShare: 0.02,
  });
  const device = gpu(32);
  expect(dints.plan(planInput(ofSide(64), { device }))).toMatchObject({
    patchSize: side(64),
    sampling: { mode: 'uniform' },
  });
  const given = planInput(ofSide(64), { device, overrides: { patchSize: [16, 16, 16] } });
  const [plan, base] = [dints.plan(given), segresnet.plan(given)];
  expect(plan).toMatchObject({ patchSize: side(16), batchSize: base.batchSize, sampling: { mode: 'class' } });
  expect(plan.training.steps).toBe(base.training.steps);
  expect(plan.reasons).toMatchObject({ patchSize: 'given by the user', batchSize: base.reasons['batchSize'] });
});
