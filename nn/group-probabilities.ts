/*
 * Groups of labels that overlap, as probabilities of labels that do not: what ensembles, scores and label maps work with.
 */

/**
 * Probabilities [class][voxel] of the labels that groups write, from logits [group][voxel] of a sigmoid each, in the order in
 * which they are written. A label is its group without the later ones; background is none of them. Where the most probable
 * label is not the one that writing group by group at 0.5 gives (nnU-Net's rule), the two change places.
 *
 * @param indices class index of what each group writes
 * @param background class index of background
 */
export function groupProbabilities(logits: Float32Array, indices: readonly number[], background: number): Float32Array {
  const groups = indices.length;
  const voxels = logits.length / groups;
  const result = new Float32Array((groups + 1) * voxels);
  for (let v = 0; v < voxels; v++) {
    let rest = 1;
    let written = background;
    let [largest, likeliest] = [-1, background];
    // The last group first: what it takes is no part of those before it.
    for (let g = groups - 1; g >= 0; g--) {
      const index = indices[g] as number;
      const logit = logits[g * voxels + v] as number;
      const p = 1 / (1 + Math.exp(-logit));
      if (written === background && logit > 0) written = index;
      const own = p * rest;
      rest -= own;
      result[index * voxels + v] = own;
      if (own > largest) [largest, likeliest] = [own, index];
    }
    result[background * voxels + v] = rest;
    if (rest > largest) likeliest = background;
    if (likeliest === written) continue;
    const [a, b] = [likeliest * voxels + v, written * voxels + v];
    const kept = result[a] as number;
    result[a] = result[b] as number;
    result[b] = kept;
  }
  return result;
}
