import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { networkOf } from '@voxhelm/algorithms/networks';
import type { Plan } from '@voxhelm/contracts/plan';
import { writeBundle } from '@voxhelm/ensembler/bundle-write';
import { randomWeights, tinyBundle, tinyPlan } from '@voxhelm/ensembler/testing';
import { decodeSafetensors } from '@voxhelm/nn/weights';
import { type ArtifactStore, folderStore } from '@voxhelm/storage/artifact-store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWeights } from './start-weights.ts';

const CHECKPOINTS = join(import.meta.dirname, '../../../tests/parity/checkpoints');
const PYTORCH = join(CHECKPOINTS, 'unet-plain.pt');
const plan = tinyPlan({ filters: 2 });
let root: string;
let store: ArtifactStore;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'voxhelm-start-'));
  store = folderStore(root);
});
afterAll(() => rm(root, { recursive: true }));

async function planFrom(bytes: Uint8Array, training: Partial<Plan['training']> = {}, own = plan): Promise<Plan> {
  const startFrom = { source: '/models/theirs', weights: await store.write('weights', bytes), required: true };
  return { ...own, training: { ...own.training, startFrom, ...training } };
}

const start = (own: Plan) => startWeights(store, networkOf(own.network), own);

test('of a bundle the member that fits best is taken, of equals that of the same fold', async () => {
  const wide = tinyPlan({ filters: 4 });
  const { draft, files } = tinyBundle([wide, plan, { ...plan, fold: 1 }]);
  await writeBundle(join(root, 'bundle.zip'), draft, files);
  const own = await planFrom(await readFile(join(root, 'bundle.zip')), { freeze: 'encoder' }, { ...plan, fold: 1 });
  const given = await start(own);
  const member = decodeSafetensors(files.get(draft.members[2]?.weights ?? '') ?? new Uint8Array());
  const name = networkOf(plan.network).specs[0]?.name ?? '';
  expect(given?.values.get(name)).toEqual(member.tensors.get(name)?.data);
  expect(given?.told).toMatch(/starts from \/models\/theirs: (\d+) of \1 parameters \(100\.0 %/);
});

test('a PyTorch checkpoint of another network is refused where it must fit, and told where it need not', async () => {
  const bytes = await readFile(PYTORCH);
  await expect(start(await planFrom(bytes))).rejects.toMatchObject({ code: 'bad-checkpoint' });
  const optional = await planFrom(bytes);
  const startFrom = { ...(optional.training.startFrom as NonNullable<Plan['training']['startFrom']>), required: false };
  const given = await start({ ...optional, training: { ...optional.training, startFrom } });
  expect(given?.values.size).toBe(0);
  expect(given?.told).toMatch(/0 of \d+ parameters/);
});

test('another number of classes leaves the head drawn and says so; a frozen encoder must be whole', async () => {
  const labels = [...plan.labels, { value: 3, name: 'more' }];
  const options = { ...plan.network.options, out_channels: 4 };
  const own = { ...plan, labels, network: { ...plan.network, options } };
  const bytes = randomWeights(plan, 1);
  const given = await start(await planFrom(bytes, { freeze: 'encoder' }, own));
  expect(given?.told).toMatch(/not loaded: up_layers\.0\.head\.weight \(the file has it as 3x2x1x1x1, not 4x2x1x1x1\)/);
  const wider = { ...plan, network: { ...plan.network, options: { ...plan.network.options, in_channels: 2 } } };
  await expect(start(await planFrom(bytes, { freeze: 'encoder' }, wider))).rejects.toThrow(/lacks 1 of its/);
  await expect(start({ ...plan, training: { ...plan.training, freeze: 'encoder' } })).rejects.toThrow(
    /no weights are given/,
  );
  expect(await start(plan)).toBeNull();
});

test("nnU-Net's own checkpoint fits its network whole, its kernels turned to x, y, z, and says so", async () => {
  const { class: name, options } = JSON.parse(await readFile(join(CHECKPOINTS, 'unet-transposed.json'), 'utf8'));
  const own = { ...plan, network: { class: name, options } };
  const given = await start(await planFrom(await readFile(join(CHECKPOINTS, 'unet-transposed.pt')), {}, own));
  expect(given?.told).toMatch(/^starts from \/models\/theirs \(.*kernels turned from y, z, x to x, y, z\): .*100\.0 %/);
});
