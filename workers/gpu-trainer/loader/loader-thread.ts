import { parentPort } from 'node:worker_threads';
import { toErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { readImage, readLabel } from '@voxhelm/imaging/nifti';
import { indexClasses, sampleBatch, type TrainingVolume } from '@voxhelm/imaging/patch-sampler';
import { preprocessImage, preprocessLabel } from '@voxhelm/imaging/preprocess';
import type { Batch, CaseFiles, LoaderReply, LoaderRequest, LoaderTask, ValidationCase } from './messages.ts';

/*
 * The program of a loader thread: reads cases and samples batches while the device computes. It imports no tensors: a
 * thread starts in a fraction of a second and costs little memory.
 */

type Source = { readonly volumes: readonly TrainingVolume[]; readonly plan: Plan; readonly seed: number };
let source: Source | null = null;

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
  }
}

/** Reads a case and brings it to the plan's space, in memory that all threads share. */
async function loadTraining(files: CaseFiles, plan: Plan): Promise<TrainingVolume> {
  const [image, label] = await Promise.all([readImage(files.images), readLabel(files.label)]);
  const prepared = preprocessImage(image, plan.preprocessing);
  const classes = preprocessLabel(label, plan.preprocessing, plan.labels, plan.ignoreLabel);
  if (classes.length !== prepared.data.length / prepared.channels) {
    throw new VoxhelmError('bad-image', `case "${files.caseId}": image and label have other shapes`, {
      fix: 'Run the dataset check again; a file may have changed since.',
    });
  }
  return {
    image: shared(prepared.data),
    channels: prepared.channels,
    shape: prepared.shape,
    spacingMm: prepared.spacingMm,
    classes: shared(classes),
    classVoxels: indexClasses(classes, plan.labels.length).map((voxels) => shared(voxels)),
  };
}

async function loadValidation(files: CaseFiles, plan: Plan): Promise<ValidationCase> {
  const [image, truth] = await Promise.all([readImage(files.images), readLabel(files.label)]);
  const prepared = preprocessImage(image, plan.preprocessing);
  return {
    caseId: files.caseId,
    image: { ...prepared, data: shared(prepared.data) },
    truth: { ...truth, data: shared(truth.data) },
  };
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
