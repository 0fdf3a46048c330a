import '../dataset/node/buffer.ts';
import { evaluateCase } from '@voxhelm/imaging/metrics/evaluate';
import { decodeLabel, openNifti } from '@voxhelm/imaging/nifti-decode';
import { encodeNifti } from '@voxhelm/imaging/nifti-write';
import { type LabelMap, spacingOf } from '@voxhelm/imaging/volume';
import { describeError } from '../api/problem.ts';
import { disagreementOf, entropyOf, readProbabilities } from './case-maps.ts';
import type { CaseAnswer, CaseMeasures, CaseRequest } from './case-messages.ts';

/*
 * Measures a case by the command line's own code, beside the page: Hausdorff distances and maps of a large CT take seconds.
 */

/** As the ensembler's test scores. */
const TOLERANCE_MM = 1;

onmessage = (event: MessageEvent<CaseRequest>) => {
  const answer = (message: CaseAnswer): void => postMessage(message);
  measure(event.data).then(
    (measures) => answer({ measures }),
    (error: unknown) => {
      const { message, fix } = describeError(error);
      answer({ failed: message, fix });
    },
  );
};

async function measure({ caseId, labels, prediction, truth, probabilities }: CaseRequest): Promise<CaseMeasures> {
  const predicted = await read(prediction, 'prediction');
  const known = truth === null ? null : await read(truth, 'label');
  const comparable = known !== null && known.shape.every((size, axis) => size === predicted.shape[axis]);
  return {
    scores: comparable ? evaluateCase(caseId, predicted, known, labels, TOLERANCE_MM) : null,
    volumesMl: labels.map((value) => ({
      value,
      predicted: volumeMl(predicted, value),
      truth: known === null ? null : volumeMl(known, value),
    })),
    disagreement: comparable ? blobOf({ ...predicted, data: disagreementOf(predicted.data, known.data) }) : null,
    uncertainty: probabilities === null ? null : await uncertaintyOf(probabilities, predicted),
  };
}

async function read(blob: Blob, name: string): Promise<LabelMap> {
  return decodeLabel(openNifti(new Uint8Array(await blob.arrayBuffer()), name));
}

function volumeMl(label: LabelMap, value: number): number {
  const [x, y, z] = spacingOf(label.affine);
  let count = 0;
  for (const each of label.data) if (each === value) count += 1;
  return (count * x * y * z) / 1_000;
}

async function uncertaintyOf(probabilities: Blob, { shape, affine }: LabelMap): Promise<Blob> {
  const { classes, data } = readProbabilities(new Uint8Array(await probabilities.arrayBuffer()));
  return blobOf({ shape, affine, channels: 1, data: entropyOf(data, classes) });
}

function blobOf(volume: Parameters<typeof encodeNifti>[0]): Blob {
  return new Blob([new Uint8Array(encodeNifti(volume, false))]);
}
