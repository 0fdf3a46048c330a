import { createHash } from 'node:crypto';
import { Plan } from '@voxhelm/contracts/plan';
import { expect, test } from 'vitest';
import { planHash } from './checkpoint.ts';

/** A plan as the first version stored it, keys in order. */
const FIRST = {
  algorithm: 'segresnet',
  augmentation: [],
  batchSize: 1,
  fold: 0,
  inference: { mode: 'gaussian', overlap: 0.5, sigmaScale: 0.125, windowBatchSize: 2 },
  labels: [
    { name: 'background', value: 0 },
    { name: 'head', value: 1 },
  ],
  modalities: ['MRI'],
  network: { class: 'SegResNetDS', options: {} },
  patchSize: [8, 8, 8],
  preprocessing: { normalization: [{ mode: 'none' }], spacingMm: null },
  sampling: { classRatios: [1, 1] },
  schemaVersion: 1,
  training: {
    checkpointEverySteps: 1,
    deepSupervisionWeights: [1],
    gradientClipNorm: 1,
    learningRate: 0.01,
    loss: { name: 'DiceLoss', options: {} },
    optimizer: 'adamw',
    steps: 4,
    validateEverySteps: 2,
    warmupSteps: 1,
    weightDecay: 0.00001,
  },
};

test('a plan of the first version can be read, and its checkpoints are still its own', () => {
  const read = Plan.parse({ ...FIRST, reasons: { algorithm: 'why' } });
  expect(read.training).toMatchObject({ schedule: 'cosine', ema: null, accumulate: 1 });
  expect(planHash(read)).toBe(createHash('sha256').update(JSON.stringify(FIRST)).digest('hex'));
});

test('what a plan says anew counts', () => {
  const read = Plan.parse({ ...FIRST, reasons: {} });
  const hashes = [
    {},
    { schedule: 'polynomial' as const },
    { momentum: 0.9 },
    { ema: 0.99 },
    { accumulate: 2 }, // Of twice the patches a step.
    { recompute: 'blocks' as const },
    { augmentOn: 'device' as const },
  ].map((change) => planHash({ ...read, training: { ...read.training, ...change } }));
  expect(new Set(hashes).size).toBe(hashes.length);
});
