import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { writeNifti } from '@voxhelm/imaging/nifti';
import { readTransforms } from '@voxhelm/imaging/transforms/compose';
import { restoreLabel, transformFiles } from '@voxhelm/imaging/transforms/files';
import { parse } from 'yaml';
import type { TransformOptions } from '../main.ts';

/**
 * Runs a list of transforms (JSON or YAML) on an image and its label, and writes both with a record of what was done; or,
 * with `undo`, brings a label map of the transformed grid back to the image's own.
 */
export async function transform(listFile: string, options: TransformOptions): Promise<number> {
  const seed = Number(options.seed);
  if (!Number.isInteger(seed) || seed < 0) {
    throw new VoxhelmError('invalid-request', `--seed "${options.seed}" is no whole number`, {
      fix: 'Give one from 0.',
    });
  }
  const transforms = readTransforms(parse(await readFile(listFile, 'utf8')));
  const result = await transformFiles(transforms, { images: options.image, label: options.label ?? null }, seed);
  await mkdir(options.output, { recursive: true });
  const written: string[] = [];
  const write = async (name: string, volume: Parameters<typeof writeNifti>[1]): Promise<void> => {
    written.push(join(options.output, name));
    await writeNifti(join(options.output, name), volume);
  };
  if (options.undo !== undefined) {
    const label = await restoreLabel(result, options.undo);
    if (label !== null) await write('restored.nii.gz', label);
  } else {
    await write('image.nii.gz', result.image);
    if (result.label !== null) await write('label.nii.gz', result.label);
    written.push(join(options.output, 'applied.json'));
    await writeFile(join(options.output, 'applied.json'), `${JSON.stringify(result.applied, null, 1)}\n`);
  }
  const done = result.applied.map(({ name }) => name);
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ applied: done, written })}\n`
      : `${done.length === 0 ? 'nothing was drawn' : done.join(', ')}\n${written.map((path) => `wrote ${path}`).join('\n')}\n`,
  );
  return 0;
}
