import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Plan } from '@voxhelm/contracts/plan';
import { memoryTensors } from '@voxhelm/nn/engine';
import { decodeSafetensors } from '@voxhelm/nn/weights';
import { afterAll, expect, test } from 'vitest';
import { writeBundle } from './bundle-write.ts';
import { exportMembers } from './export-members.ts';
import { randomWeights, tinyBundle, tinyPlan } from './testing.ts';

const root = mkdtempSync(join(tmpdir(), 'voxhelm-export-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A U-Net, whose original names each parameter of its encoder a second time in the decoder. */
function unetPlan(): Plan {
  const options = {
    ...{ input_channels: 1, num_classes: 3, n_stages: 2, features_per_stage: [4, 8], n_conv_per_stage: [1, 1] },
    ...{ kernel_sizes: [3, 3], strides: [1, 2], n_conv_per_stage_decoder: [1], deep_supervision: false },
    ...{ conv_op: 'torch.nn.modules.conv.Conv3d', conv_bias: true, nonlin: 'torch.nn.LeakyReLU' },
    ...{ norm_op: 'torch.nn.modules.instancenorm.InstanceNorm3d', norm_op_kwargs: { eps: 1e-5, affine: true } },
  };
  return { ...tinyPlan({ fold: 1 }), algorithm: 'unet', network: { class: 'PlainConvUNet', options } };
}

test('each member is written with all that its original names, its plan beside it, and no tensor is left', async () => {
  const plans = [tinyPlan(), unetPlan()];
  const { draft, files } = tinyBundle(plans);
  const path = join(root, 'bundle.zip');
  await writeBundle(path, draft, files);
  const before = memoryTensors();
  const members = await exportMembers(path, join(root, 'out'));
  expect(memoryTensors()).toBe(before);
  expect(members.map(({ network }) => network.class)).toEqual(['SegResNetDS', 'PlainConvUNet']);
  for (const [index, member] of members.entries()) {
    const plan = Plan.parse(JSON.parse(await readFile(member.plan, 'utf8')));
    expect(plan).toEqual(plans[index]);
    const { tensors } = decodeSafetensors(await readFile(member.weights));
    const kept = decodeSafetensors(randomWeights(plan, index)).tensors;
    for (const [name, { data }] of kept) expect(tensors.get(name)?.data).toEqual(data);
  }
  const { tensors } = decodeSafetensors(await readFile((members[1] as { weights: string }).weights));
  const first = 'stages.0.0.convs.0.conv.weight';
  for (const alias of [`decoder.encoder.${first}`, `encoder.${first.replace('.conv.weight', '.all_modules.0.weight')}`])
    expect(tensors.get(alias)?.data).toEqual(tensors.get(`encoder.${first}`)?.data);
});
