import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { check } from './kinds/network.ts';

async function reference(name: string): Promise<string> {
  return readFile(join(import.meta.dirname, `reference/${name}.json`), 'utf8');
}

test.each([
  'segresnet-isotropic',
  'segresnet-anisotropic',
  'segresnet-batch',
  'segresnet-group',
  'segresnet-nontrainable',
  'segresnet-pixelshuffle',
  'swinunetr-v1',
  'swinunetr-v2',
  'unet-plain',
  'unet-plain-anisotropic',
  'unet-residual',
  'dints-small',
  'dints-deep',
])('%s: outputs, loss, gradients and parameters as the original has them', async (name) => {
  const rows = await check(JSON.parse(await reference(name)), '');
  expect(rows.length).toBeGreaterThan(4);
  expect(rows.filter((row) => !row.ok)).toEqual([]);
});

test('a reference with another loss or parameter count is not ok', async () => {
  const planted = JSON.parse(await reference('segresnet-isotropic')) as {
    loss: { value: number };
    parameter_count: number;
  };
  const faults = async () => (await check(planted, '')).filter((row) => !row.ok).length;
  planted.loss.value *= 1.001;
  expect(await faults()).toBe(1);
  planted.loss.value /= 1.001;
  planted.parameter_count += 1;
  expect(await faults()).toBe(1);
});

test('a network that is not here is named', async () => {
  const other = JSON.parse(await reference('segresnet-isotropic')) as { note: { class: string } };
  other.note.class = 'monai.networks.nets.Unheard';
  await expect(check(other, '')).rejects.toThrow('Unheard');
});
