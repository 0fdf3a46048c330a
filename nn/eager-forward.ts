import { type Tensor5D, tf } from './engine.ts';
import type { Network, Parameters } from './network.ts';

/** Logits of windows by weights that stay the caller's. `grid`: [count, x, y, z]. */
export function forward(
  network: Network,
  weights: Parameters,
  windows: Float32Array,
  grid: readonly number[],
): Float32Array {
  // The tidy returns a tensor, never its values: it would look for tensors in them, one by one.
  const logits = tf.tidy(() => {
    const x = tf.tensor(windows, [...grid, network.inChannels] as Tensor5D['shape']) as Tensor5D;
    return network.forward(weights, x, { training: false, seed: null })[0] as Tensor5D;
  });
  const values = logits.dataSync<'float32'>() as Float32Array;
  logits.dispose();
  return values;
}
