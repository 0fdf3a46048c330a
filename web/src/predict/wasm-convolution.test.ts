import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { networkOf } from '@voxhelm/algorithms/networks';
import { plannerOf } from '@voxhelm/algorithms/planners';
import { HIPPOCAMPUS, planInput } from '@voxhelm/algorithms/planning-fixtures';
import { forward } from '@voxhelm/nn/eager-forward';
import { tf } from '@voxhelm/nn/engine';
import { initialParameters } from '@voxhelm/nn/initialize';
import { disposeParameters } from '@voxhelm/nn/weights';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { registerWasmConvolutions } from './wasm-convolution.ts';

/*
 * What a browser computes on its processor is what a trainer computes: the same networks, weights and windows on both.
 */

beforeAll(async () => {
  setWasmPaths(`${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  await tf.setBackend('wasm');
  registerWasmConvolutions();
});
afterAll(async () => {
  await tf.setBackend('tensorflow');
});

/** Small networks of each algorithm, by its own planner. */
const NETWORKS: Readonly<Record<string, { patchSize: [number, number, number]; network: Record<string, unknown> }>> = {
  segresnet: { patchSize: [16, 16, 16], network: { init_filters: 4 } },
  unet: { patchSize: [16, 16, 16], network: { features_per_stage: [4, 8, 16] } },
  swinunetr: {
    patchSize: [64, 32, 32],
    network: { depths: [1, 1, 1, 1], window_size: 4, mlp_ratio: 1, feature_size: 12 },
  },
  dints: { patchSize: [16, 16, 16], network: { num_blocks: 2, num_depths: 2, channel_mul: 0.25 } },
};

for (const [name, overrides] of Object.entries(NETWORKS)) {
  test(`${name}: the browser's logits are the trainer's`, async () => {
    const { network: config, patchSize } = plannerOf(name).plan(planInput(HIPPOCAMPUS, { overrides }));
    const network = networkOf(config);
    const windows = Float32Array.from({ length: network.inChannels * patchSize.reduce((a, b) => a * b) }, (_, i) =>
      Math.sin(i * 0.37),
    );
    const logits: Float32Array[] = [];
    for (const backend of ['wasm', 'tensorflow']) {
      await tf.setBackend(backend);
      const before = tf.memory().numTensors;
      const parameters = initialParameters(network, 7);
      logits.push(forward(network, parameters, windows, [1, ...patchSize]));
      disposeParameters(parameters);
      expect(tf.memory().numTensors).toBe(before);
    }
    const [browser, trainer] = logits as [Float32Array, Float32Array];
    const largest = trainer.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const apart = trainer.reduce((most, value, i) => Math.max(most, Math.abs(value - (browser[i] as number))), 0);
    expect(largest).toBeGreaterThan(0.01);
    expect(apart / largest).toBeLessThan(1e-4);
  });
}
