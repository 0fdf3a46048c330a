import { type Tensor, tf } from '@voxhelm/nn/engine';
import { identityAfter } from '@voxhelm/nn/raw-op';

/*
 * Attention within windows, where SwinUNETR's time and memory go: the maps of 3 heads of 343 tokens in 125 windows are
 * 176 MB. No map is kept for the gradient, which computes each again (Dao et al., "FlashAttention", arXiv:2205.14135), and
 * windows follow each other in groups whose maps stay in the processor's cache. What may not attend and the gradient's row
 * sums ride along in the products as further channels, which spares passes over maps.
 */

/** Maps of one group of windows, at most (bytes of float32). */
const GROUP_BYTES = 16 * 2 ** 20;
/** Numbers that the regions of a window have. */
const REGIONS = 8;
/** What MONAI adds to the logit of a pair that may not attend. */
const MASKED = -100;

/** Queries, keys and values of some windows, [window, head, token, channel]. */
interface Part {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  /** Further channels of queries and keys whose product is 0 for a pair of one region and -100 for others. */
  readonly mask: { readonly query: Tensor; readonly key: Tensor } | null;
}

/** The first window of each group, and how many they are. */
function groupsOf([windows, heads, tokens]: readonly [number, number, number]): (readonly [number, number])[] {
  const most = Math.max(1, Math.floor(GROUP_BYTES / (4 * heads * tokens * tokens)));
  const groups = Math.ceil(windows / most);
  const size = Math.ceil(windows / groups);
  return Array.from({ length: Math.ceil(windows / size) }, (_, group) => {
    const from = group * size;
    return [from, Math.min(size, windows - from)] as const;
  });
}

function windowsFrom(x: Tensor, from: number, count: number): Tensor {
  return tf.slice(x, from, count);
}

/** A group's share; `gate`: what must be computed before, for it to follow another. */
function partOf(
  [q, k, v]: readonly [Tensor, Tensor, Tensor],
  [from, count]: readonly [number, number],
  regions: Int32Array | null,
  gate: Tensor | null,
): Part {
  const queries = windowsFrom(q, from, count);
  const [, heads, tokens] = q.shape as [number, number, number];
  return {
    q: gate === null ? queries : identityAfter(queries, gate),
    k: windowsFrom(k, from, count),
    v: windowsFrom(v, from, count),
    mask: regions === null ? null : maskChannels(regions, from, [count, heads, tokens]),
  };
}

function maskChannels(
  regions: Int32Array,
  from: number,
  [count, heads, tokens]: readonly [number, number, number],
): Part['mask'] {
  // The windows of one volume are those of each.
  const own = Int32Array.from({ length: count * tokens }, (_, i) => regions[(from * tokens + i) % regions.length] ?? 0);
  if (own.every((region) => region === 0)) return null;
  const channels = tf.oneHot(tf.tensor3d(own, [count, 1, tokens], 'int32'), REGIONS);
  const all = tf.tile(tf.cast(channels, 'float32'), [1, heads, 1, 1]);
  return { query: tf.mul(all, MASKED), key: tf.sub(1, all) };
}

/** softmax(q k^T + bias + mask): [window, head, token, token]. */
function mapOf({ q, k, mask }: Part, bias: Tensor): Tensor {
  const query = mask === null ? q : tf.concat([q, mask.query], 3);
  const key = mask === null ? k : tf.concat([k, mask.key], 3);
  return tf.softmax(tf.add(tf.matMul(query, key, false, true), bias));
}

/** Gradients by q, k, v and bias of a group's result `y` = map v. */
function partGradients(part: Part, bias: Tensor, y: Tensor, dy: Tensor): [Tensor, Tensor, Tensor, Tensor] {
  const map = mapOf(part, bias);
  // Of the softmax: map * (dy v^T - sum of dy y over the channels), the sum as one more channel of the product.
  const sums = tf.neg(tf.sum(tf.mul(dy, y), -1, true));
  const inner = tf.matMul(tf.concat([dy, sums], 3), tf.concat([part.v, tf.onesLike(sums)], 3), false, true);
  const byLogits = tf.mul(map, inner);
  return [
    tf.matMul(byLogits, part.k),
    tf.matMul(byLogits, part.q, true, false),
    tf.matMul(map, dy, true, false),
    tf.sum(byLogits, 0),
  ];
}

function joined(parts: Tensor[]): Tensor {
  return parts.length === 1 ? (parts[0] as Tensor) : tf.concat(parts, 0);
}

/**
 * softmax(q k^T + bias + mask) v. `q` (scaled), `k`, `v`: [window, head, token, channel]; `bias`: [head, token, token];
 * `regions`: for each window of one volume and each token a number from 0 to 7, tokens of different numbers do not attend to
 * each other; null: all do. Result: as `v`.
 */
export function attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, regions: Int32Array | null): Tensor {
  const groups = groupsOf(q.shape as [number, number, number]);
  const op = tf.customGrad((...given) => {
    const [queries, keys, values, own] = given.slice(0, 4) as [Tensor, Tensor, Tensor, Tensor];
    const save = given[4] as unknown as (tensors: Tensor[]) => void;
    const outputs: Tensor[] = [];
    for (const group of groups) {
      const part = partOf([queries, keys, values], group, regions, outputs.at(-1) ?? null);
      outputs.push(tf.matMul(mapOf(part, own), part.v));
    }
    const result = joined(outputs);
    save([queries, keys, values, own, result]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const [savedQ, savedK, savedV, savedBias, y] = saved as [Tensor, Tensor, Tensor, Tensor, Tensor];
      const gradients: [Tensor, Tensor, Tensor, Tensor][] = [];
      for (const group of groups) {
        // Not with the forward pass, where it would be kept after all, and one group after the other.
        const part = partOf([savedQ, savedK, savedV], group, regions, gradients.at(-1)?.[0] ?? dy);
        gradients.push(partGradients(part, savedBias, windowsFrom(y, ...group), windowsFrom(dy, ...group)));
      }
      const of = (i: 0 | 1 | 2 | 3) => gradients.map((each) => each[i]);
      return [joined(of(0)), joined(of(1)), joined(of(2)), tf.addN(of(3))];
    };
    return { value: result, gradFunc };
  });
  return op(q, k, v, bias);
}
