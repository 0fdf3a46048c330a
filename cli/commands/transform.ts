import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { writeNifti } from '@voxhelm/imaging/nifti';
import { isAppliedRecord, readAppliedRecord } from '@voxhelm/imaging/transforms/applied-record';
import type { AppliedOperation } from '@voxhelm/imaging/transforms/compose';
import { restoreLabel, transformFiles } from '@voxhelm/imaging/transforms/files';
import { readTransforms } from '@voxhelm/imaging/transforms/list';
import type { TransformOptions } from '../main.ts';
import { readStructured } from '../structured-file.ts';

/**
 * Runs a list of transforms (JSON or YAML) on an image and its label, and writes both with a record of what was done; or,
 * with `undo`, brings a label map of the transformed grid back to the image's own, by that record alone or by the list.
 */
export async function transform(listFile: string, options: TransformOptions): Promise<number> {
  const content = await readStructured(listFile);
  const { applied, written } =
    options.image === undefined && isAppliedRecord(content)
      ? await undoRecorded(listFile, readAppliedRecord(content), options)
      : await runList(content, options);
  const done = applied.map(({ name }) => name);
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ applied: done, written })}\n`
      : `${done.length === 0 ? 'nothing was drawn' : done.join(', ')}\n${written.map((path) => `wrote ${path}`).join('\n')}\n`,
  );
  return 0;
}

/** What was done, or undone, and the files that were written. */
interface Done {
  readonly applied: readonly AppliedOperation[];
  readonly written: readonly string[];
}

async function undoRecorded(
  file: string,
  applied: readonly AppliedOperation[],
  { undo, output }: TransformOptions,
): Promise<Done> {
  if (undo === undefined) {
    throw new VoxhelmError('invalid-request', `${file} is a record of what was done, not a list of transforms`, {
      fix: 'Give the label map that is to be brought back after --undo.',
    });
  }
  await mkdir(output, { recursive: true });
  const path = join(output, 'restored.nii.gz');
  await writeNifti(path, await restoreLabel(applied, undo));
  return { applied, written: [path] };
}

async function runList(content: unknown, options: TransformOptions): Promise<Done> {
  const seed = Number(options.seed);
  if (!Number.isInteger(seed) || seed < 0) {
    throw new VoxhelmError('invalid-request', `--seed "${options.seed}" is no whole number`, {
      fix: 'Give one from 0.',
    });
  }
  const transforms = readTransforms(content);
  if (options.image === undefined) {
    throw new VoxhelmError('invalid-request', 'a list of transforms needs an image to run on', {
      fix: 'Give it after --image; to undo without one, give applied.json in place of the list.',
    });
  }
  const result = await transformFiles(transforms, { images: options.image, label: options.label ?? null }, seed);
  await mkdir(options.output, { recursive: true });
  const written: string[] = [];
  const write = async (name: string, volume: Parameters<typeof writeNifti>[1]): Promise<void> => {
    written.push(join(options.output, name));
    await writeNifti(join(options.output, name), volume);
  };
  if (options.undo !== undefined) {
    await write('restored.nii.gz', await restoreLabel(result.applied, options.undo));
  } else {
    await write('image.nii.gz', result.image);
    if (result.label !== null) await write('label.nii.gz', result.label);
    written.push(join(options.output, 'applied.json'));
    await writeFile(join(options.output, 'applied.json'), `${JSON.stringify(result.applied, null, 1)}\n`);
  }
  return { applied: result.applied, written };
}
