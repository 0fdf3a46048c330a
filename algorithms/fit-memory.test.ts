import { Plan } from '@voxhelm/contracts/plan';
import { ask, createStudy } from '@voxhelm/search/study';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { volume } from './axes.ts';
import { fitMemory } from './fit-memory.ts';
import { casesMb, corrected, type MemoryModel, memoryRoom, peakMb } from './memory-model.ts';
import { smallerPatch } from './patch-grid.ts';
import { GIVEN, valuePaths } from './plan-overrides.ts';
import { plannerOf, planners } from './planners.ts';
import { ABDOMEN, BRAIN, CPU, gpu, HIPPOCAMPUS, planInput, THICK_CT, WHOLE_BODY } from './planning-fixtures.ts';

const DATASETS = { HIPPOCAMPUS, ABDOMEN, BRAIN, THICK_CT, WHOLE_BODY };
const names = Object.keys(planners);
const anyPlan = fc
  .record({
    name: fc.constantFrom(...names),
    dataset: fc.constantFrom(...Object.values(DATASETS)),
    device: fc.constantFrom(CPU, gpu(16), gpu(80)),
  })
  .map(({ name, dataset, device }) => plannerOf(name).plan(planInput(dataset, { device })));
const anyModel = fc
  .record({
    fixedMb: fc.integer({ min: 100, max: 3_000 }),
    bytesPerVoxel: fc.integer({ min: 100, max: 50_000 }),
    recomputed: fc.option(fc.double({ min: 0.5, max: 1, noNaN: true })),
  })
  .map(({ recomputed, ...model }) => {
    return recomputed === null ? model : { ...model, recomputedBytesPerVoxel: recomputed * model.bytesPerVoxel };
  });
const anyRoomMb = fc.integer({ min: 200, max: 40_000 });

function fit(plan: Plan, model: MemoryModel, mb: number): Plan {
  const grid = plannerOf(plan.algorithm).patchGrid(plan);
  return fitMemory(plan, { grid, model, room: { mb, described: `${mb} MB` }, known: 'made up' });
}

const atOnce = ({ patchSize, batchSize }: Plan): number => batchSize * volume(patchSize);

describe('a plan held to a device', () => {
  test('fits, is trained by the same network on as many patches a step, and says why it is smaller', () => {
    fc.assert(
      fc.property(anyPlan, anyModel, anyRoomMb, (plan, model, mb) => {
        const fitted = fit(plan, model, mb);
        const grid = plannerOf(plan.algorithm).patchGrid(plan);
        const { divisor, leastLongest } = grid;
        const isSmallest =
          plan.batchSize === 1 && smallerPatch(plan, grid) === null && !('recomputedBytesPerVoxel' in model);
        expect(Plan.parse(fitted)).toEqual(fitted);
        expect(new Set(Object.keys(fitted.reasons))).toEqual(new Set(valuePaths(fitted)));
        expect(fitted.network).toEqual(plan.network);
        expect(fitted.batchSize * fitted.training.accumulate).toBe(plan.batchSize * plan.training.accumulate);
        fitted.patchSize.forEach((size, axis) => {
          expect(size % (divisor[axis] as number)).toBe(0);
          expect(size).toBeLessThanOrEqual(plan.patchSize[axis] as number);
          expect(size).toBeGreaterThan(0);
        });
        expect(Math.max(...fitted.patchSize)).toBeGreaterThanOrEqual(Math.min(leastLongest, ...plan.patchSize));
        if (peakMb(model, plan) <= mb) expect(fitted).toEqual(plan);
        else if (model.fixedMb >= mb) expect(fitted).toMatchObject({ patchSize: plan.patchSize, batchSize: 1 });
        // As SwinUNETR's on two cores: the trial tells that there is too little memory.
        else if (isSmallest) expect(fitted).toEqual(plan);
        else {
          expect(atOnce(fitted) < atOnce(plan) || fitted.training.recompute === 'blocks').toBe(true);
          const why = ['batchSize', 'patchSize', 'training.recompute'].map((path) => fitted.reasons[path]).join(' ');
          expect(why).toMatch(/would take \d+ MB \(made up\), and there are \d+ MB/);
          if (peakMb(model, fitted) > mb) expect(smallerPatch(fitted, grid)).toBeNull();
        }
      }),
      { numRuns: 300 },
    );
  });

  test('more memory never gives a smaller patch or fewer of them', () => {
    fc.assert(
      fc.property(anyPlan, anyModel, anyRoomMb, anyRoomMb, (plan, model, one, other) => {
        // Where not even the network fits, the patch stays as it is.
        const [less, more] = [one, other].map((mb) => Math.max(mb, model.fixedMb + 1)).sort((a, b) => a - b);
        expect(atOnce(fit(plan, model, less as number))).toBeLessThanOrEqual(atOnce(fit(plan, model, more as number)));
      }),
      { numRuns: 300 },
    );
  });

  test('blocks are computed again before the patch shrinks, where that saves memory and the user does not say otherwise', () => {
    const model = { fixedMb: 100, bytesPerVoxel: 10_000, recomputedBytesPerVoxel: 6_000 };
    const plan = plannerOf('segresnet').plan(planInput(BRAIN, { device: gpu(80) }));
    const roomFor = (bytes: number): number => 100 + Math.round((bytes * volume(plan.patchSize)) / 2 ** 20);
    expect(fit(plan, model, roomFor(11_000))).toMatchObject({ batchSize: 1, training: { recompute: 'none' } });
    const again = fit(plan, model, roomFor(7_000));
    expect(again).toMatchObject({ batchSize: 1, patchSize: plan.patchSize, training: { recompute: 'blocks' } });
    expect(again.reasons['training.recompute']).toMatch(/would take \d+ MB \(made up\), and there are \d+ MB/);
    const smallest = fit(plan, model, roomFor(3_000));
    expect(smallest.training.recompute).toBe('blocks');
    expect(volume(smallest.patchSize)).toBeGreaterThan(0.4 * volume(plan.patchSize));
    const { recomputedBytesPerVoxel: _, ...useless } = model;
    const given = { ...plan, reasons: { ...plan.reasons, 'training.recompute': GIVEN } };
    for (const kept of [fit(plan, useless, roomFor(7_000)), fit(given, model, roomFor(7_000))]) {
      expect(kept.training.recompute).toBe('none');
      expect(volume(kept.patchSize)).toBeLessThan(volume(plan.patchSize));
    }
    // What was measured of a plan holds for both.
    const now = corrected(model, again, roomFor(12_000));
    expect(peakMb(now, again)).toBeCloseTo(roomFor(12_000), 6);
    expect(peakMb(now, { ...again, training: { ...again.training, recompute: 'none' } })).toBeCloseTo(
      roomFor(20_000),
      -1,
    );
  });

  test.each(['segresnet', 'unet'])(
    '%s plans it itself for a patch of the user on a device a little too small',
    (name) => {
      const overrides = { patchSize: [96, 96, 96] as [number, number, number], batchSize: 1 };
      const planOn = (memoryGb: number) => plannerOf(name).plan(planInput(BRAIN, { device: gpu(memoryGb), overrides }));
      const large = planOn(80);
      expect(large.training.recompute).toBe('none');
      const room = 0.9 * peakMb(plannerOf(name).memory(large), large) + 0.1 * plannerOf(name).memory(large).fixedMb;
      const between = planOn(room / 0.85 / 1024);
      expect(between).toMatchObject({ patchSize: overrides.patchSize, training: { recompute: 'blocks' } });
      const reason = between.reasons['training.recompute'];
      expect(reason).toMatch(/would take \d+ MB \(estimated\), and there are \d+ MB of \d+ MB/);
    },
  );

  test('the patch shrinks on its longest side in mm, and is the largest of that way that fits', () => {
    const plan = { ...plannerOf('segresnet').plan(planInput(ABDOMEN, { device: gpu(80) })), batchSize: 1 };
    expect(plan.preprocessing.spacingMm).toEqual([0.8, 0.8, 3]);
    const model = { fixedMb: 0, bytesPerVoxel: 2 ** 20 / 1_000_000 };
    const { patchSize } = fit(plan, model, 2);
    const longest = Math.max(...patchSize.map((size, axis) => size * ([0.8, 0.8, 3][axis] as number)));
    expect(volume(patchSize)).toBeLessThanOrEqual(2_000_000);
    expect(volume(patchSize)).toBeGreaterThan(1_500_000);
    expect(longest).toBeLessThan(0.6 * 432); // It began 179 x 179 x 432 mm.
  });

  test('a patch that the user gave is neither changed nor searched for a size: only fewer are on the device at once', () => {
    const overrides = { patchSize: [64, 64, 64] as [number, number, number] };
    const plan = plannerOf('segresnet').plan(planInput(BRAIN, { overrides }));
    const fitted = fit(plan, { fixedMb: 100, bytesPerVoxel: 10_000 }, 200);
    expect(fitted).toMatchObject({ patchSize: [64, 64, 64], batchSize: 1, training: { accumulate: 2 } });
    expect(fitted.reasons['patchSize']).toBe(GIVEN);
  });
});

describe('the memory model', () => {
  test('corrected by a measured step, it goes through what was measured and grows with the voxels', () => {
    fc.assert(
      fc.property(anyPlan, anyModel, fc.integer({ min: 100, max: 40_000 }), (plan, model, measuredMb) => {
        const now = corrected(model, plan, measuredMb);
        expect(peakMb(now, plan)).toBeCloseTo(measuredMb, 6);
        expect(peakMb(now, { ...plan, batchSize: plan.batchSize + 1 })).toBeGreaterThan(measuredMb);
      }),
    );
  });

  test('on a CPU the memory is shared by its trainers, the service and the cases; a GPU is one training', () => {
    const [one, two] = [memoryRoom(CPU, 1, 0), memoryRoom(CPU, 2, 100)];
    expect(one.mb).toBeLessThan(0.85 * 8_192);
    expect(two.mb).toBeCloseTo(one.mb / 2 - 100, 6);
    expect(two.described).toContain('2 trainers share');
    expect(memoryRoom(gpu(16), 1, 5_000).mb).toBeCloseTo(0.85 * 16 * 1024, 6);
    const plan = plannerOf('segresnet').plan(planInput(HIPPOCAMPUS));
    // 35 x 50 x 35 voxels of 9 bytes.
    expect(casesMb(plan, planInput(HIPPOCAMPUS).summary, 100)).toBeCloseTo((100 * 35 * 50 * 35 * 9) / 2 ** 20, 6);
  });
});

describe.each(names)('%s', (name) => {
  const planner = plannerOf(name);

  test.each(Object.entries(DATASETS))(
    'is planned to fit %s on small devices, before anything is tried',
    (_, dataset) => {
      for (const memoryGb of [3, 4, 8, 16]) {
        for (const device of [{ ...CPU, memoryBytes: memoryGb * 2 ** 30 }, gpu(memoryGb)]) {
          const input = planInput({ ...dataset, cases: 2 }, { device });
          const plan = planner.plan(input);
          const room = memoryRoom(device, 1, casesMb(plan, input.summary, input.trainingCases));
          const model = planner.memory(plan);
          const fits = peakMb(model, plan) <= room.mb;
          expect(fits || model.fixedMb >= room.mb || smallerPatch(plan, planner.patchGrid(plan)) === null).toBe(true);
        }
      }
    },
  );

  test('two trainers of one machine get less each, and a plan of the user stays whole', () => {
    const device = { ...CPU, memoryBytes: 5 * 2 ** 30 };
    const input = planInput(BRAIN, { device, trainingCases: 4, overrides: { batchSize: 8 } });
    const alone = planner.plan(input);
    const shared = planner.plan({ ...input, trainingsAtOnce: 4 });
    expect(atOnce(shared)).toBeLessThanOrEqual(atOnce(alone));
    const edited = { ...alone, batchSize: 64 };
    expect(planner.plan({ ...input, overrides: { plans: { [name]: edited } } })).toEqual(edited);
  });

  test('no point of its space takes more memory than the plan', () => {
    const plan = planner.plan(planInput(BRAIN, { device: gpu(80) }));
    const [space, defaults] = [planner.space(plan), planner.defaults(plan)];
    const settings = { sampler: 'random', pruner: 'none' } as const;
    const study = createStudy({ algorithms: [{ name, space, defaults }], settings, seed: 5 });
    const most = peakMb(planner.memory(plan), plan);
    for (let number = 0; number < 20; number++) {
      const configured = planner.configure(plan, ask(study, number));
      expect(peakMb(planner.memory(configured), configured)).toBeLessThanOrEqual(most);
    }
  });
});
