import { mkdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { readImage, writeNifti } from '@voxhelm/imaging/nifti';
import type { Volume } from '@voxhelm/imaging/volume';
import { readBundle } from './bundle-read.ts';
import { type EnsemblePredictor, loadEnsemble } from './ensemble-predictor.ts';
import { listInputs, type PredictionInput } from './predict-inputs.ts';

/** What to predict, with what, and where the results go. */
export interface PredictFolderOptions {
  readonly bundlePath: string;
  /** A NIfTI file or a folder of them. */
  readonly input: string;
  /** A folder, made where it does not exist. Not the input's. */
  readonly output: string;
  readonly onProgress?: (progress: { done: number; total: number; file: string }) => void;
  readonly signal?: AbortSignal;
}

/**
 * Segments images with an ensemble bundle; needs no server and no database. Each result is a label map on its image's own
 * grid and affine, written under the image's file name. One image in memory at a time, or as many small ones as fill a batch of
 * windows; members are loaded once. Images that fail do not stop the others: when all are done, one `bad-image` error lists
 * every failure (`details.written` holds what was written). Throws `bad-bundle`, `not-found` or `invalid-request` before
 * anything is predicted.
 */
export async function predictFolder(options: PredictFolderOptions): Promise<{ written: string[] }> {
  await refuseOwnInput(options.input, options.output);
  const { manifest, weights } = await readBundle(options.bundlePath);
  const inputs = await listInputs(options.input, manifest.modalities.length);
  await makeFolder(options.output);
  const models = manifest.members.map((member, index) => ({ plan: member.plan, weights: weights[index]! }));
  const ensemble = loadEnsemble(models, manifest.fusion, manifest.labels);
  try {
    return await predictAll(ensemble, inputs, options);
  } finally {
    ensemble.dispose();
  }
}

async function predictAll(
  ensemble: EnsemblePredictor,
  inputs: readonly PredictionInput[],
  { output, onProgress, signal }: PredictFolderOptions,
): Promise<{ written: string[] }> {
  const written: string[] = [];
  const failures: { file: string; message: string }[] = [];
  const tell = (input: PredictionInput): void =>
    onProgress?.({ done: written.length + failures.length, total: inputs.length, file: fileOf(input) });
  const onFailure = (input: PredictionInput, error: unknown): void => {
    // A full disk or a lost folder would fail every other image as well.
    if (error instanceof VoxhelmError && ['storage', 'cancelled'].includes(error.code)) throw error;
    failures.push({ file: fileOf(input), message: describe(error) });
    tell(input);
  };
  const read = async (input: PredictionInput): Promise<Volume> => {
    if (signal?.aborted)
      throw new VoxhelmError('cancelled', `stopped after ${written.length} of ${inputs.length} images`);
    if (input.fault !== null) throw new VoxhelmError('bad-image', input.fault);
    return await readImage(input.images);
  };
  for await (const { item, prediction } of ensemble.predictEach(inputs, read, onFailure)) {
    const target = join(output, item.outputName);
    try {
      await writeNifti(target, prediction.labels);
      written.push(target);
      tell(item);
    } catch (error) {
      onFailure(item, error);
    }
  }
  if (failures.length > 0) throw failed(failures, written, inputs.length);
  return { written };
}

function fileOf({ images, outputName }: PredictionInput): string {
  return images[0] ?? outputName;
}

/** What failed with this image, and what to do where that is known. */
function describe(error: unknown): string {
  if (error instanceof VoxhelmError && error.fix !== undefined) return `${error.message} (${error.fix})`;
  return error instanceof Error ? error.message : String(error);
}

function failed(
  failures: readonly { file: string; message: string }[],
  written: readonly string[],
  total: number,
): VoxhelmError {
  const list = failures.map(({ file, message }) => `  ${file}: ${message}`).join('\n');
  return new VoxhelmError('bad-image', `${failures.length} of ${total} images could not be segmented:\n${list}`, {
    fix: 'Correct or remove the images named above; the results of the others are written.',
    details: { failures, written },
  });
}

/** Results carry their inputs' names, so writing beside the inputs would replace them. */
async function refuseOwnInput(input: string, output: string): Promise<void> {
  const found = await stat(input).catch(() => null);
  if (found === null) return; // listInputs says so
  const folder = await realpath(found.isDirectory() ? input : dirname(input));
  if (folder === (await realpathOfFuture(output))) {
    throw new VoxhelmError(
      'invalid-request',
      `the output folder ${output} is the input's own: the images would be overwritten`,
      {
        fix: 'Give another folder after --output.',
      },
    );
  }
}

/** The real path of a folder that may not exist yet: that of its nearest existing parent, and the rest. */
async function realpathOfFuture(path: string): Promise<string> {
  const full = resolve(path);
  try {
    return await realpath(full);
  } catch {
    const parent = dirname(full);
    return parent === full ? full : join(await realpathOfFuture(parent), basename(full));
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw new VoxhelmError('invalid-request', `cannot make the output folder ${path}: ${(error as Error).message}`, {
      fix: 'Give a folder that can be written after --output.',
      cause: error,
    });
  }
}
