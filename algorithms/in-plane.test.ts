import { expect, test } from 'vitest';
import { turnInPlane } from './in-plane.ts';
import { planners } from './planners.ts';
import { ABDOMEN, CPU, gpu, planInput, THICK_CT } from './planning-fixtures.ts';

test('patches more than three times as long as thin are turned and scaled in their plane alone, in any algorithm', () => {
  for (const [name, planner] of Object.entries(planners)) {
    for (const device of [CPU, gpu(32)]) {
      const plan = planner.plan(planInput(THICK_CT, { device }));
      if (Math.max(...plan.patchSize) <= 3 * Math.min(...plan.patchSize)) continue;
      const thin = plan.patchSize.indexOf(Math.min(...plan.patchSize));
      const affine = plan.augmentation.find((one) => one.name === 'affine');
      if (affine === undefined) continue; // SwinUNETR has none.
      expect(affine.rotationRadians.map((range) => range > 0)).toEqual([0, 1, 2].map((axis) => axis === thin));
      expect(affine.scale.map((range) => range > 0)).toEqual([0, 1, 2].map((axis) => axis !== thin));
      expect(plan.reasons['augmentation'], name).toMatch(/in the plane alone/);
    }
  }
  const unet = planners['unet']?.plan(planInput(THICK_CT));
  expect(unet?.augmentation[0]).toMatchObject({ name: 'affine', rotationRadians: [0, 0, Math.PI / 6] });
});

test('other patches turn about every axis, and a list given by the user stays', () => {
  const planner = planners['unet'];
  const plan = planner?.plan(planInput(ABDOMEN));
  expect(plan?.augmentation[0]).toMatchObject({ rotationRadians: [Math.PI / 6, Math.PI / 6, Math.PI / 6] });
  const augmentation = [{ name: 'affine' as const, probability: 1, rotationRadians: [1, 1, 1], scale: [0, 0, 0] }];
  const given = planner?.plan(planInput(THICK_CT, { overrides: { augmentation: augmentation as never } }));
  expect(given?.augmentation).toEqual(augmentation);
});

test('quarter turns leave the thin axis alone, whichever it is', () => {
  const plan = planners['swinunetr']?.plan(planInput(THICK_CT, { device: gpu(32) }));
  if (plan === undefined) throw new TypeError('no planner');
  const quarter = { name: 'RandRotate90d' as const, prob: 0.2, max_k: 3, spatial_axes: [0, 1] as [number, number] };
  const sagittal = turnInPlane({ ...plan, patchSize: [16, 96, 96], augmentation: [quarter] });
  expect(sagittal.augmentation).toEqual([{ ...quarter, spatial_axes: [1, 2] }]);
  const axial = { ...plan, patchSize: [96, 96, 16] as [number, number, number], augmentation: [quarter] };
  expect(turnInPlane(axial)).toBe(axial);
});
