import { parentPort, workerData } from 'node:worker_threads';
import { toErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';
import type { CaseScores } from '@voxhelm/contracts/evaluation';
import type { Plan } from '@voxhelm/contracts/plan';
import { withoutIgnored } from '@voxhelm/imaging/ignored';
import { evaluateCase } from '@voxhelm/imaging/metrics/evaluate';
import { evaluateGroups } from '@voxhelm/imaging/metrics/group-scores';
import { decodeImage, decodeLabelFile, readBytes, readLabel } from '@voxhelm/imaging/nifti';
import { indexClasses, sampleBatch, type TrainingVolume } from '@voxhelm/imaging/patch-sampler';
import { type PreprocessedCase, preprocessImage, preprocessLabel } from '@voxhelm/imaging/preprocess';
import type { LabelMap } from '@voxhelm/imaging/volume';
import { type CaseCacheSettings, contentKey, openCaseCache } from './case-cache.ts';
import type { Batch, CaseFiles, LoaderReply, LoaderRequest, LoaderTask, ValidationCase } from './messages.ts';

/*
 * The program of a loader thread: reads cases and samples batches while the device computes. It imports no tensors: a
 * thread starts in a fraction of a second and costs little memory.
 */

type Source = { readonly volumes: readonly TrainingVolume[]; readonly plan: Plan; readonly seed: number };
let source: Source | null = null;

const cache = openCaseCache((workerData as { cache: CaseCacheSettings | null } | null)?.cache ?? null);

/** Queued in the order of arrival: a batch asked for early is made early. */
let last: Promise<void> = Promise.resolve();

parentPort?.on('message', (request: LoaderRequest) => {
  last = last.then(() => answer(request));
});

async function answer({ id, task }: LoaderRequest): Promise<void> {
  let reply: LoaderReply;
  let transfer: ArrayBuffer[] = [];
  try {
    const value = await perform(task);
    reply = { id, value };
    if (task.type === 'sample') transfer = buffersOf(value as Batch);
  } catch (error) {
    reply = { id, error: toErrorRecord(error) };
  }
  parentPort?.postMessage(reply, transfer);
}

async function perform(task: LoaderTask): Promise<unknown> {
  switch (task.type) {
    case 'load-training':
      return loadTraining(task.files, task.plan);
    case 'load-validation':
      return loadValidation(task.files, task.plan);
    case 'volumes':
      source = task;
      return null;
    case 'sample':
      if (source === null)
        throw new VoxhelmError('internal', 'a loader thread was asked for a batch before its volumes');
      return sampleBatch(source.volumes, source.plan, source.seed, task.step);
    case 'score':
      return score(task);
    case 'cache-counts':
      return cache.counts();
  }
}

function score({ caseId, prediction, truth, plan, toleranceMm }: LoaderTask & { type: 'score' }): CaseScores {
  const counted = withoutIgnored(prediction, truth, plan.ignoreLabel);
  if (plan.labelGroups !== null) return evaluateGroups(caseId, counted, truth, plan.labelGroups, toleranceMm);
  const foreground = plan.labels.map(({ value }) => value).filter((value) => value !== 0);
  return evaluateCase(caseId, counted, truth, foreground, toleranceMm);
}

/** Reads a case and brings it to the plan's space, in memory that all threads share. */
async function loadTraining(files: CaseFiles, plan: Plan): Promise<TrainingVolume> {
  const prepared = await preparedImage(files, plan);
  const classes = await preparedClasses(files, plan, prepared.original);
  return {
    image: prepared.data,
    channels: prepared.channels,
    shape: prepared.shape,
    spacingMm: prepared.spacingMm,
    classes,
    classVoxels: indexClasses(classes, plan.labels.length).map((voxels) => shared(voxels)),
  };
}

async function loadValidation(files: CaseFiles, plan: Plan): Promise<ValidationCase> {
  const [image, truth] = await Promise.all([preparedImage(files, plan), readLabel(files.label)]);
  return { caseId: files.caseId, image, truth: { ...truth, data: shared(truth.data) } };
}

/** The image in the plan's space, from the cache where these very files were brought there before. */
async function preparedImage({ images }: CaseFiles, { preprocessing }: Plan): Promise<PreprocessedCase> {
  const files = await Promise.all(images.map(readBytes));
  const { data, about } = await cache.get(contentKey(['image', preprocessing], files), () => {
    const { data: prepared, ...grid } = preprocessImage(decodeImage(files, images), preprocessing);
    return { data: shared(prepared), about: grid };
  });
  return { ...(about as Omit<PreprocessedCase, 'data'>), data };
}

/** The class of each voxel on the grid of its image, of which `image` is the original. */
async function preparedClasses(
  { label }: CaseFiles,
  { preprocessing, labels, ignoreLabel }: Plan,
  image: PreprocessedCase['original'],
): Promise<Uint8Array> {
  const bytes = await readBytes(label);
  const { spacingMm, interpolation } = preprocessing;
  const values = labels.map(({ value }) => value);
  const made = ['classes', spacingMm, interpolation ?? 'linear', values, ignoreLabel ?? null, image];
  const { data } = await cache.get(contentKey(made, [bytes]), () => {
    const map = onGridOf(image, decodeLabelFile(bytes, label));
    return { data: shared(preprocessLabel(map, preprocessing, labels, ignoreLabel)), about: null };
  });
  return data;
}

/**
 * The label map as it lies on its image. Headers may differ in their last digits (AFFINE_TOLERANCE): resampled by its own, a long
 * label would end a slice before or behind its image.
 */
function onGridOf(image: PreprocessedCase['original'], label: LabelMap): LabelMap {
  if (label.shape.every((size, axis) => size === image.shape[axis])) return { ...label, affine: image.affine };
  throw new VoxhelmError(
    'bad-image',
    `the label has ${label.shape.join(' x ')} voxels, the image ${image.shape.join(' x ')}`,
    { fix: 'Run the dataset check again; a file may have changed since.' },
  );
}

/** The same values on shared memory, which crosses threads without a copy. */
function shared<A extends Float32Array | Uint8Array | Uint16Array | Uint32Array | Int32Array>(values: A): A {
  if (values.buffer instanceof SharedArrayBuffer) return values;
  const Kind = values.constructor as new (buffer: SharedArrayBuffer) => A;
  const copy = new Kind(new SharedArrayBuffer(values.byteLength));
  copy.set(values);
  return copy;
}

function buffersOf(batch: Batch): ArrayBuffer[] {
  return [batch.image.buffer, batch.classes.buffer].filter((buffer) => buffer instanceof ArrayBuffer);
}
