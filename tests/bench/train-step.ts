import { parseArgs } from 'node:util';
import { networkOf } from '@voxhelm/algorithms/networks';
import type { Plan } from '@voxhelm/contracts/plan';
import { seededRandom } from '@voxhelm/imaging/random';
import { trainLoop } from '@voxhelm/nn/trainer';

/**
 * `npm run bench -- train-step [--patch 48x48x48] [--batch 1] [--filters 16] [--steps 20]`: the product's own training
 * loop on random data, one JSON line. `stepMs` is the median after a warm-up; `peakMb` what the process grew by.
 */
export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      patch: { type: 'string', default: '48x48x48' },
      batch: { type: 'string', default: '1' },
      filters: { type: 'string', default: '16' },
      steps: { type: 'string', default: '20' },
    },
  });
  const patch = values.patch.split('x').map(Number) as [number, number, number];
  const batch = Number(values.batch);
  const network = {
    class: 'SegResNetDS',
    options: {
      init_filters: Number(values.filters),
      in_channels: 1,
      out_channels: 3,
      blocks_down: [1, 2, 2, 4],
      norm: 'INSTANCE',
      dsdepth: 3,
    },
  };
  const { stepMs, peakMb } = await measure(planOf(network, patch, batch, Number(values.steps)));
  process.stdout.write(
    `${JSON.stringify({ name: 'train-step', network, engine: 'eager', precision: 'float32', patch, batch, stepMs, peakMb })}\n`,
  );
}

const WARM_UP_STEPS = 3;

async function measure(plan: Plan): Promise<{ stepMs: number; peakMb: number }> {
  const before = process.memoryUsage.rss();
  let peak = before;
  const times: number[] = [];
  const random = seededRandom('bench', 'train-step');
  const voxels = plan.batchSize * plan.patchSize.reduce((a, b) => a * b);
  const batch = {
    image: Float32Array.from({ length: voxels }, () => random() - 0.5),
    classes: Uint8Array.from({ length: voxels }, () => Math.floor(3 * random())),
  };
  await trainLoop({
    network: networkOf(plan.network),
    plan,
    seed: 0,
    startFrom: null,
    nextBatch: async () => batch,
    validate: async () => ({ dice: null, diceByClass: {} }),
    onStep: ({ step, stepMs }) => {
      if (step > WARM_UP_STEPS) times.push(stepMs);
      peak = Math.max(peak, process.memoryUsage.rss());
    },
    saveLast: async () => undefined,
    saveBest: async () => undefined,
    signal: new AbortController().signal,
  });
  times.sort((a, b) => a - b);
  return { stepMs: times[Math.floor(times.length / 2)] ?? Number.NaN, peakMb: (peak - before) / 2 ** 20 };
}

function planOf(network: Plan['network'], patchSize: [number, number, number], batchSize: number, steps: number): Plan {
  return {
    schemaVersion: 1,
    algorithm: 'segresnet',
    fold: 0,
    labels: [0, 1, 2].map((value) => ({ value, name: `class ${value}` })),
    modalities: ['MRI'],
    preprocessing: { spacingMm: null, normalization: [{ mode: 'zscore-nonzero' }] },
    patchSize,
    batchSize,
    network,
    training: {
      steps,
      optimizer: 'adamw',
      learningRate: 1e-3,
      weightDecay: 1e-5,
      warmupSteps: 1,
      gradientClipNorm: 1,
      loss: {
        name: 'DiceCELoss',
        options: { to_onehot_y: true, softmax: true, squared_pred: true, smooth_nr: 0, smooth_dr: 1e-5 },
      },
      deepSupervisionWeights: [1, 0.5, 0.25],
      validateEverySteps: steps,
      checkpointEverySteps: steps,
    },
    sampling: { classRatios: [1, 1, 1] },
    augmentation: [],
    inference: { overlap: 0.5, mode: 'gaussian', sigmaScale: 0.125, windowBatchSize: 1 },
    reasons: {},
  };
}
