import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { writeBundle } from '@voxhelm/ensembler/bundle-write';
import { randomWeights, tinyBundle, tinyPlan } from '@voxhelm/ensembler/testing';
import { rootDirectory } from '@voxhelm/infra/embedded/node-service';
import { SAMPLES } from '../../support/small-dataset.ts';
import type { PredictConfiguration } from './configuration.ts';

/** Folders of images that are measured where none is named: the shared cases where they are at hand, else the samples. */
function imageFolders(): string[] {
  const shared = join(rootDirectory, '..', 'shared', 'data', 'hippocampus', 'imagesTr');
  const samples = [join(SAMPLES, 'imagesTr'), join(SAMPLES, 'imagesTs')];
  return [shared, resolve(rootDirectory, '../../shared/data/hippocampus/imagesTr')]
    .filter(existsSync)
    .slice(0, 1)
    .concat(samples);
}

/** A folder with links to the first `cases` images; returns how many there were. */
export async function linkImages(folder: string, input: string | undefined, cases: number): Promise<number> {
  await mkdir(folder, { recursive: true });
  const linked = new Set<string>();
  for (const source of input === undefined ? imageFolders() : [input]) {
    const names = (await readdir(source)).filter((name) => /^[^.].*\.nii(\.gz)?$/.test(name)).sort();
    for (const name of names) {
      if (linked.size >= cases || linked.has(name)) continue;
      await symlink(join(resolve(source), name), join(folder, name));
      linked.add(name);
    }
  }
  return linked.size;
}

/** Writes a bundle of one untrained member (weights cost the same), and its weights alone; returns both paths. */
export async function writeModel(
  folder: string,
  { network, patch, overlap, flips, windowBatch, precision }: Omit<PredictConfiguration, 'bundle' | 'weights'>,
): Promise<{ bundle: string; weights: string }> {
  const tiny = tinyPlan({ patchSize: [...patch] });
  const inference = { ...tiny.inference, overlap, windowBatchSize: windowBatch };
  const plan = { ...tiny, network, inference, training: { ...tiny.training, precision } };
  const { draft, files } = tinyBundle([plan], {
    mode: 'mean',
    flips: flips.map((axes) => [...axes]),
    largestComponent: [],
  });
  const bundle = join(folder, `bundle-${flips.length}-${precision}.zip`);
  await writeBundle(bundle, draft, files);
  const weights = join(folder, 'weights.safetensors');
  await writeFile(weights, randomWeights(plan, 0));
  return { bundle, weights };
}
