import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { type PreprocessedCase, preprocessImage } from '@voxhelm/imaging/preprocess';
import type { Volume } from '@voxhelm/imaging/volume';
import { windowCount } from '@voxhelm/nn/sliding-window';
import type { LoadedModel } from './fuse-models.ts';

/*
 * Images on their way to models: checked, preprocessed once for all plans that ask for the same, and taken together in groups
 * that fill the models' batches of windows, so that small images share a batch.
 */

/** An image as models take it. */
export interface PreparedImage {
  readonly image: Volume;
  /** On a plan's own grid. Throws `bad-image` where the image has not the plan's channels. */
  preprocessed(plan: Plan): PreprocessedCase;
}

/** An image to be predicted. Throws `bad-image` where a voxel is no finite number. */
export function prepareImage(image: Volume): PreparedImage {
  checkFinite(image);
  const done = new Map<string, PreprocessedCase>();
  return {
    image,
    preprocessed(plan) {
      checkChannels(image, plan);
      const key = JSON.stringify(plan.preprocessing);
      const preprocessed = done.get(key) ?? preprocessImage(image, plan.preprocessing);
      done.set(key, preprocessed);
      return preprocessed;
    },
  };
}

/** What an image belongs to (a file, a case), with the image. */
export interface Prepared<T> {
  readonly item: T;
  readonly prepared: PreparedImage;
}

/**
 * Reads and prepares the images of items, in order, and gives them in groups: each as small as fills a batch of windows of
 * every model, so that what is in memory at once is one group. The groups follow from the items and the models alone. An item
 * whose image cannot be read or does not fit is told to `onFailure` and left out, or what `onFailure` throws ends it (without
 * it, the first failure does).
 */
export async function* imageGroups<T>(
  items: readonly T[],
  read: (item: T) => Promise<Volume>,
  models: readonly LoadedModel[],
  onFailure: (item: T, error: unknown) => void = rethrow,
): AsyncGenerator<Prepared<T>[]> {
  let group: Prepared<T>[] = [];
  let room = emptyBatches(models);
  for (const item of items) {
    try {
      const prepared = prepareImage(await read(item));
      room = room.map((left, index) => left - windowsOf(prepared, models[index] as LoadedModel));
      group.push({ item, prepared });
    } catch (error) {
      onFailure(item, error);
    }
    if (room.every((left) => left <= 0)) {
      yield group;
      group = [];
      room = emptyBatches(models);
    }
  }
  if (group.length > 0) yield group;
}

/** What is to be done where an item that fails ends all of them. */
export function rethrow(_item: unknown, error: unknown): never {
  throw error;
}

/** Windows that fit a batch of each model. */
function emptyBatches(models: readonly LoadedModel[]): number[] {
  return models.map(({ plan }) => plan.inference.windowBatchSize);
}

function windowsOf({ preprocessed }: PreparedImage, { plan }: LoadedModel): number {
  return windowCount(preprocessed(plan).shape, plan.patchSize, plan.inference.overlap);
}

function checkChannels(image: Volume, plan: Plan): void {
  if (image.channels === plan.modalities.length) return;
  throw new VoxhelmError(
    'bad-image',
    `the image has ${image.channels} channel(s), the models were trained on ${plan.modalities.length} (${plan.modalities.join(', ')})`,
    {
      fix: 'Give all channels in the order of training: one 4-D file, or one file per channel named CASE_0000, CASE_0001, ...',
    },
  );
}

/** One NaN would spread over a whole window and come out as background without a word. */
function checkFinite(image: Volume): void {
  const bad = image.data.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  throw new VoxhelmError('bad-image', `the image holds NaN or infinite voxels (first at index ${bad})`, {
    fix: 'Replace them in the image; Voxhelm repairs nothing silently.',
  });
}
