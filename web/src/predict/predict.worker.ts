import '../dataset/node/buffer.ts';
import { networkOf } from '@voxhelm/algorithms/networks';
import { type EnsemblePrediction, type LoadedModel, predictImages } from '@voxhelm/ensembler/fuse-models';
import { prepareImage } from '@voxhelm/ensembler/image-groups';
import { joinChannels } from '@voxhelm/imaging/nifti';
import { decodeVolume, openNifti } from '@voxhelm/imaging/nifti-decode';
import { encodeNifti } from '@voxhelm/imaging/nifti-write';
import { type LabelMap, spacingOf, type Volume } from '@voxhelm/imaging/volume';
import { forward } from '@voxhelm/nn/eager-forward';
import { windowCount } from '@voxhelm/nn/sliding-window';
import { decodeSafetensors, loadParameters } from '@voxhelm/nn/weights';
import { createWindowPredictor } from '@voxhelm/nn/window-predictor';
import { describeError } from '../api/problem.ts';
import { startBackend } from './backend.ts';
import type { PredictAnswer, Prediction, PredictRequest } from './predict-messages.ts';
import { type OpenBundle, readBundle } from './read-bundle.ts';

/*
 * The ensemble in the browser: the trainer's own code over plain tfjs ops, beside the page. Ended by ending the worker.
 */

onmessage = (event: MessageEvent<PredictRequest>) => {
  const answer = (message: PredictAnswer): void => postMessage(message);
  predict(event.data, answer).then(
    (prediction) => answer({ kind: 'done', prediction }),
    (error: unknown) => answer({ kind: 'failed', ...describeError(error) }),
  );
};

async function predict(request: PredictRequest, answer: (message: PredictAnswer) => void): Promise<Prediction> {
  const bundle = readBundle(new Uint8Array(await request.bundle.arrayBuffer()));
  const image = await readImage(request.images);
  const backend = await startBackend();
  const startedAt = performance.now();
  const progress = new Progress((done, total) =>
    answer({ kind: 'progress', done, total, computedOn: backend.inWords }),
  );
  const models = loadModels(bundle, progress);
  const { fusion, labels } = bundle.manifest;
  const [prediction] = await predictImages(models, [prepareImage(image)], fusion, labels);
  const { labels: label, entropy } = prediction as EnsemblePrediction;
  const { shape, affine } = image;
  return {
    label: blobOf(encodeNifti(label, true)),
    uncertainty: blobOf(encodeNifti({ shape, affine, channels: 1, data: entropy() }, false)),
    volumesMl: volumesOf(label.data, affine, labels),
    elapsedMs: performance.now() - startedAt,
    computedOn: backend.inWords,
  };
}

async function readImage(images: PredictRequest['images']): Promise<Volume> {
  const volumes: Volume[] = [];
  for (const { name, blob } of images)
    volumes.push(decodeVolume(openNifti(new Uint8Array(await blob.arrayBuffer()), name)));
  return joinChannels(
    volumes,
    images.map(({ name }) => name),
  );
}

/** Counts windows over all members, as if each had as many as the first. */
class Progress {
  private done = 0;
  private total = 0;
  private readonly tell: (done: number, total: number) => void;

  constructor(tell: (done: number, total: number) => void) {
    this.tell = tell;
  }

  expect(windows: number): void {
    if (this.total === 0) this.total = windows;
    this.tell(this.done, this.total);
  }

  add(windows: number): void {
    this.done += windows;
    this.tell(Math.min(this.done, this.total), this.total);
  }
}

function loadModels({ manifest, weights }: OpenBundle, progress: Progress): LoadedModel[] {
  return manifest.members.map(({ plan }, index) => {
    const network = networkOf(plan.network);
    const parameters = loadParameters(network, decodeSafetensors(weights[index] as Uint8Array));
    const predictor = createWindowPredictor(network, plan, async (windows, count) => {
      const logits = forward(network, parameters, windows, [count, ...plan.patchSize]);
      progress.add(count);
      return logits;
    });
    return {
      // One window at a time: a page has less memory than a trainer.
      plan: { ...plan, inference: { ...plan.inference, windowBatchSize: 1 } },
      predictor: {
        ...predictor,
        predict(images, inference, flips) {
          const windows = images.reduce(
            (sum, { shape }) => sum + windowCount(shape, plan.patchSize, inference.overlap),
            0,
          );
          progress.expect(windows * (flips.length + 1) * manifest.members.length);
          return predictor.predict(images, inference, flips);
        },
      },
    };
  });
}

function volumesOf(
  data: LabelMap['data'],
  affine: Volume['affine'],
  labels: readonly { readonly value: number }[],
): Prediction['volumesMl'] {
  const voxelMl = spacingOf(affine).reduce((product, size) => product * size, 1) / 1_000;
  const counts = new Map<number, number>();
  for (const value of data) counts.set(value, (counts.get(value) ?? 0) + 1);
  return labels
    .filter(({ value }) => value !== 0)
    .map(({ value }) => ({ value, volumeMl: (counts.get(value) ?? 0) * voxelMl }));
}

function blobOf(bytes: Uint8Array): Blob {
  return new Blob([new Uint8Array(bytes)]);
}
