import { type Tensor, tf } from '@voxhelm/nn/engine';
import { identityAfter } from '@voxhelm/nn/raw-op';

/*
 * Attention within windows, where SwinUNETR's time and memory go: the map of one head of 343 tokens in 125 windows is 59 MB.
 * No map is kept for the gradient, which computes each again (Dao et al., "FlashAttention", arXiv:2205.14135), and the heads
 * follow each other, so that one map at a time is there. What may not attend and the gradient's row sums ride along in the
 * products as further channels, which spares passes over maps.
 */

/** Tokens of a window by the three-digit binary number of their region: [window, token, region]. */
const REGIONS = 8;
/** What MONAI adds to the logit of a pair that may not attend. */
const MASKED = -100;

/** Further channels of queries and keys whose product is 0 for a pair of one region and -100 for others. */
interface MaskChannels {
  readonly query: Tensor;
  readonly key: Tensor;
}

/** `regions`: of each window of one volume and token the region, 0 to 7. `windows`: of all volumes. */
function maskChannels(regions: Int32Array, windows: number, tokens: number): MaskChannels {
  const count = regions.length / tokens;
  const own = tf.cast(tf.oneHot(tf.tensor2d(regions, [count, tokens], 'int32'), REGIONS), 'float32');
  const all = windows === count ? own : tf.tile(own, [windows / count, 1, 1]);
  return { query: tf.mul(all, MASKED), key: tf.sub(1, all) };
}

/** softmax(q k^T + bias) of one head: [window, token, token]. */
function mapOf(q: Tensor, k: Tensor, bias: Tensor, mask: MaskChannels | null): Tensor {
  const query = mask === null ? q : tf.concat([q, mask.query], 2);
  const key = mask === null ? k : tf.concat([k, mask.key], 2);
  return tf.softmax(tf.add(tf.matMul(query, key, false, true), bias));
}

/** Gradients by q, k, v and bias of one head's output `y` = map v. */
function headGradients(
  [q, k, v, bias]: readonly [Tensor, Tensor, Tensor, Tensor],
  y: Tensor,
  dy: Tensor,
  mask: MaskChannels | null,
): [Tensor, Tensor, Tensor, Tensor] {
  const map = mapOf(q, k, bias, mask);
  // Of the softmax: map * (dy v^T - sum of dy y over the channels), the sum as one more channel of the product.
  const sums = tf.neg(tf.sum(tf.mul(dy, y), -1, true));
  const ones = tf.onesLike(sums);
  const inner = tf.matMul(tf.concat([dy, sums], 2), tf.concat([v, ones], 2), false, true);
  const byLogits = tf.mul(map, inner);
  return [
    tf.matMul(byLogits, k),
    tf.matMul(byLogits, q, true, false),
    tf.matMul(map, dy, true, false),
    tf.sum(byLogits, 0),
  ];
}

/** The inputs of one head, not before `gate` is computed. */
function headOf(inputs: readonly Tensor[], head: number, gate: Tensor | null): [Tensor, Tensor, Tensor, Tensor] {
  const own = inputs.map((x) => tf.squeeze(tf.slice(x, head, 1), [0]));
  const [q, k, v, bias] = own as [Tensor, Tensor, Tensor, Tensor];
  return [gate === null ? q : identityAfter(q, gate), k, v, bias];
}

/**
 * softmax(q k^T + bias + mask) v. `q` (scaled), `k`, `v`: [head, window, token, channel]; `bias`: [head, token, token];
 * `regions`: for each window of one volume and each token a number from 0 to 7, tokens of different numbers do not attend to
 * each other; null: all do. Result: as `v`.
 */
export function attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, regions: Int32Array | null): Tensor {
  const [heads, windows, tokens] = q.shape as [number, number, number];
  const maskOf = () => (regions === null ? null : maskChannels(regions, windows, tokens));
  const op = tf.customGrad((...given) => {
    const inputs = given.slice(0, 4) as Tensor[];
    const save = given[4] as unknown as (tensors: Tensor[]) => void;
    const mask = maskOf();
    const outputs: Tensor[] = [];
    for (let head = 0; head < heads; head++) {
      const [query, key, value, own] = headOf(inputs, head, outputs.at(-1) ?? null);
      outputs.push(tf.matMul(mapOf(query, key, own, mask), value));
    }
    const result = tf.stack(outputs, 0);
    save([...inputs, result]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const y = saved[4] as Tensor;
      const again = maskOf();
      const gradients: [Tensor, Tensor, Tensor, Tensor][] = [];
      for (let head = 0; head < heads; head++) {
        // Not with the forward pass, where it would be kept after all, and one head after the other.
        const own = headOf(saved.slice(0, 4), head, gradients.at(-1)?.[0] ?? dy);
        const [part, upstream] = [y, dy].map((x) => tf.squeeze(tf.slice(x, head, 1), [0])) as [Tensor, Tensor];
        gradients.push(headGradients(own, part, upstream, again));
      }
      return [0, 1, 2, 3].map((i) =>
        tf.stack(
          gradients.map((each) => each[i] as Tensor),
          0,
        ),
      );
    };
    return { value: result, gradFunc };
  });
  return op(q, k, v, bias);
}
