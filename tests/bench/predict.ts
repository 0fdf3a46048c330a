import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeBundle } from '@voxhelm/ensembler/bundle-write';
import { predictFolder } from '@voxhelm/ensembler/predict';
import { tinyBundle, tinyPlan } from '@voxhelm/ensembler/testing';
import { readImage } from '@voxhelm/imaging/nifti';
import { voxelCount } from '@voxhelm/imaging/volume';
import { deviceInfo } from '@voxhelm/nn/engine';

/*
 * How fast a bundle segments images, from files to files: reading, preprocessing, every window, fusion and writing are
 * in the time; one unmeasured image goes first, for the engine to warm up. Weights are untrained, which costs the same.
 *
 *   npm run bench -- predict [--input DIR] [--members 1] [--filters 16] [--patch 48,48,48] [--flips 0] [--repeat 1]
 */

/** All sets of mirrored axes, one axis first. */
const FLIPS = [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]];

/** Prints one JSON line: voxels (of the images' own grids) per second, and what was measured. */
export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      input: { type: 'string', default: join(import.meta.dirname, '../../samples/hippocampus/imagesTs') },
      members: { type: 'string', default: '1' },
      filters: { type: 'string', default: '16' },
      patch: { type: 'string', default: '48,48,48' },
      flips: { type: 'string', default: '0' },
      repeat: { type: 'string', default: '1' },
    },
  });
  const patchSize = values.patch.split(',').map(Number) as [number, number, number];
  const flips = FLIPS.slice(0, Number(values.flips));
  const plan = tinyPlan({ filters: Number(values.filters), patchSize });
  const network = { ...plan.network, options: { ...plan.network.options, blocks_down: [1, 2, 2, 4], dsdepth: 3 } };
  const plans = Array.from({ length: Number(values.members) }, (_, fold) => ({ ...plan, network, fold }));
  const folder = await mkdtemp(join(tmpdir(), 'voxhelm-bench-'));
  try {
    const { draft, files } = tinyBundle(plans, { mode: 'mean', flips, largestComponent: [] });
    const bundlePath = join(folder, 'bundle.zip');
    await writeBundle(bundlePath, draft, files);
    const names = (await readdir(values.input)).filter((name) => /^[^.].*\.nii(\.gz)?$/.test(name)).sort();
    let voxels = 0;
    for (const name of names) voxels += voxelCount((await readImage([join(values.input, name)])).shape);
    await predictFolder({ bundlePath, input: join(values.input, names[0]!), output: join(folder, 'warm-up') });
    for (let repeat = 0; repeat < Number(values.repeat); repeat++) {
      const startedAt = performance.now();
      await predictFolder({ bundlePath, input: values.input, output: join(folder, `out-${repeat}`) });
      const seconds = (performance.now() - startedAt) / 1000;
      const line = {
        name: 'predict',
        voxelsPerSecond: Math.round(voxels / seconds),
        cases: names.length,
        voxels,
        seconds: Number(seconds.toFixed(3)),
        members: plans.length,
        flips: flips.length,
        patch: patchSize,
        overlap: plan.inference.overlap,
        network,
        device: deviceInfo().kind,
      };
      process.stdout.write(`${JSON.stringify(line)}\n`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
