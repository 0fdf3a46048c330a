import type { Plan } from '@voxhelm/contracts/plan';
import { beforeEach, expect, test, vi } from 'vitest';
import { encodeBest } from './checkpoint.ts';
import { openSession } from './compiled/session.ts';
import { type Tensor5D, tf } from './engine.ts';
import { initialState } from './initialize.ts';
import type { Network } from './network.ts';
import { createPredictor, type PredictionPlan } from './predictor.ts';
import type { StateValues } from './training-engine.ts';

// Loads as ever, and counts.
vi.mock(import('./compiled/session.ts'), async (original) => {
  const session = await original();
  return { ...session, openSession: vi.fn(session.openSession) };
});
beforeEach(() => {
  vi.mocked(openSession).mockClear();
});

/** A convolution: what it says of an image is not what it says of its mirror. */
const network: Network = {
  class: 'Tiny',
  options: {},
  inChannels: 1,
  outChannels: 2,
  heads: 1,
  divisor: [1, 1, 1],
  specs: [{ name: 'weight', shape: [2, 1, 3, 3, 3], kind: 'conv', init: { rule: 'uniform-fan-in', fanIn: 27 } }],
  forward: (parameters, x) => [tf.conv3d(x, parameters.get('weight') as Tensor5D, 1, 'same') as Tensor5D],
};
const inference: Plan['inference'] = { overlap: 0.5, mode: 'gaussian', sigmaScale: 0.125, windowBatchSize: 4 };
const plan: PredictionPlan = { patchSize: [8, 8, 8], inference, training: { precision: 'float32' } };

test('all flips of all images share the one program that was loaded', async () => {
  const weights = initialState(network, 1, ['weights']).get('weights') as StateValues;
  const predictor = createPredictor(network, plan, encodeBest(network, weights, 1, null));
  const image = { data: Float32Array.from({ length: 12 * 8 * 9 }, (_, i) => Math.sin(i ** 2)), channels: 1 };
  const images = [12, 9].map((x, i) => ({ ...image, shape: [x, 8, i === 0 ? 9 : 12] as const }));
  const [plain] = await predictor.predict(images, inference, []);
  const flips = [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]];
  const [averaged] = await predictor.predict(images, inference, flips);
  const [again] = await predictor.predict(images, inference, [[0]]);
  expect(openSession).toHaveBeenCalledTimes(1);
  expect(averaged).not.toEqual(plain);
  expect(again).not.toEqual(averaged);
  predictor.dispose();
});
