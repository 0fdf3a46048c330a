import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Plan } from '@voxhelm/contracts/plan';
import { IDENTITY_AFFINE } from '@voxhelm/imaging/volume';
import { expect, test } from 'vitest';
import { readBundle } from './bundle-read.ts';
import { writeBundle } from './bundle-write.ts';
import { loadEnsemble } from './ensemble-predictor.ts';
import { tinyBundle, tinyPlan } from './testing.ts';

/** Two outputs, the whole and the core, for three labels. */
function planOfGroups(): Plan {
  const plan = tinyPlan({ filters: 2, patchSize: [16, 16, 16] });
  return {
    ...plan,
    labelGroups: [
      { name: 'whole', values: [1, 2], writes: 1 },
      { name: 'core', values: [2], writes: 2 },
    ],
    network: { ...plan.network, options: { ...plan.network.options, out_channels: 2 } },
  };
}

test('a bundle of groups of labels is read and predicts labels; one whose network has an output a label is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'voxhelm-groups-'));
  const plan = planOfGroups();
  const { draft, files } = tinyBundle([plan, { ...plan, fold: 1 }]);
  await writeBundle(join(folder, 'bundle.zip'), draft, files);
  const { manifest, weights } = await readBundle(join(folder, 'bundle.zip'));
  const models = manifest.members.map((member, i) => ({ plan: member.plan, weights: weights[i] as Uint8Array }));
  const ensemble = loadEnsemble(models, manifest.fusion, manifest.labels);
  const data = Float32Array.from({ length: 20 * 16 * 12 }, (_, i) => Math.sin(i));
  const map = await ensemble.predict({ shape: [20, 16, 12], affine: IDENTITY_AFFINE, channels: 1, data });
  ensemble.dispose();
  expect(map.data).toHaveLength(data.length);
  expect([...new Set(map.data)].every((value) => [0, 1, 2].includes(value))).toBe(true);

  const wrong = tinyBundle([{ ...plan, network: tinyPlan({ filters: 2 }).network }]);
  await writeBundle(join(folder, 'wrong.zip'), wrong.draft, wrong.files);
  await expect(readBundle(join(folder, 'wrong.zip'))).rejects.toThrow(/gives 3 classes/);
  await rm(folder, { recursive: true });
});
