import type { Plan } from '@voxhelm/contracts/plan';
import { initialState } from '@voxhelm/nn/initialize';
import { isTrained } from '@voxhelm/nn/network';
import { openEngine, type StateValues, type TrainingEngine } from '@voxhelm/nn/training-engine';
import { stateGroups } from '@voxhelm/nn/training-state';
import { describe, expect, test } from 'vitest';
import { networkOf } from '../networks.ts';
import { HIPPOCAMPUS, planInput } from '../planning-fixtures.ts';
import { segresnet } from './plan.ts';

/*
 * Batch norm has what no other norm here has: running statistics, which a step moves without a gradient.
 */

const planned = segresnet.plan(
  planInput(HIPPOCAMPUS, {
    overrides: {
      patchSize: [8, 8, 8],
      batchSize: 2,
      network: { init_filters: 4, blocks_down: [1, 1], norm: ['BATCH', { momentum: 0.25 }] },
    },
  }),
);
// What touches gradients must not touch statistics: a norm that everything is clipped to, micro-batches, recomputation.
const training: Plan['training'] = { ...planned.training, gradientClipNorm: 1e-3, accumulate: 2, recompute: 'blocks' };
const plan: Plan = { ...planned, training };
const network = networkOf(plan.network);
const PATCH = 8 ** 3;

/** The weights after each of two steps on the same images, too short to move what is trained. */
async function trainTwice(engine: TrainingEngine): Promise<[StateValues, StateValues]> {
  await engine.assign(initialState(network, 4, stateGroups(plan)));
  const voxels = plan.batchSize * training.accumulate * PATCH;
  const image = Float32Array.from({ length: voxels }, (_, i) => 3 + Math.sin(i * i));
  const classes = Uint8Array.from({ length: voxels }, (_, i) => (i >> 3) % 3);
  const weights: StateValues[] = [];
  for (const step of [1, 2]) {
    await engine.step({ image, classes }, { step, learningRate: 1e-7, seed: 6 });
    weights.push((await engine.state()).get('weights') as StateValues);
  }
  return weights as [StateValues, StateValues];
}

describe.each(['eager', 'compiled'] as const)('a SegResNet with batch norm, %s', (engineName) => {
  test('its running statistics go by the momentum alone, and it predicts by them', async () => {
    const engine = await openEngine(network, plan, { engine: engineName, precision: 'float32' });
    const [once, twice] = await trainTwice(engine);
    for (const { name } of network.specs.filter((spec) => !isTrained(spec))) {
      // From 0 or 1, a quarter of the way to the batch's after one step, 1 - (3/4)^2 of it after two.
      const start = name.endsWith('running_var') ? 1 : 0;
      once.get(name)?.forEach((value, i) => {
        const ratio = ((twice.get(name)?.[i] as number) - start) / (value - start);
        expect(ratio).toBeCloseTo(1.75, 2);
      });
    }
    // Another window in the same batch changes nothing.
    const windows = Float32Array.from({ length: 2 * PATCH }, (_, i) => (i < PATCH ? 1 : 100) * Math.sin(i));
    const [together, alone] = [await engine.predict(windows, 2), await engine.predict(windows.subarray(0, PATCH), 1)];
    await engine.close();
    alone.forEach((value, i) => {
      expect(Math.abs(value - (together[i] as number))).toBeLessThan(1e-4);
    });
  });
});
