import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeArchitecture, edgeSets } from './decode.ts';
import { memoryShare } from './memory-cost.ts';
import { edgesOf, livePartsOf, nodesOf } from './topology.ts';

const SPACE = { depths: 2, filters: [8, 16, 32], downsample: true };

/** -ln of a sequence's probability as decodeArchitecture measures it, infinite where it does not connect. */
function lengthOf(
  logits: readonly (readonly number[])[],
  path: readonly (readonly number[])[],
  depths: number,
): number {
  return path.reduce((sum, set, block) => {
    const before = path[block - 1];
    const connects = before === undefined || `${nodesOf(before, depths, 'to')}` === `${nodesOf(set, depths, 'from')}`;
    const single = (logits[block] as readonly number[]).map((logit) => 1 / (1 + Math.exp(-logit)));
    const any = 1 - single.reduce((product, p) => product * (1 - p), 1);
    const probability = set.reduce((product, bit, e) => product * (bit ? single[e]! : 1 - single[e]!), 1) / any;
    return sum + (connects ? 0.001 - Math.log(probability + 1e-5) : Number.POSITIVE_INFINITY);
  }, 0);
}

test('the edges of a block are those of MONAI, for depths 2 and 4', () => {
  expect(edgesOf(2).map(({ from }) => from)).toEqual([0, 1, 0, 1]);
  expect(edgesOf(4).map(({ from }) => from)).toEqual([0, 1, 0, 1, 2, 1, 2, 3, 2, 3]);
  expect(edgesOf(4).map(({ to }) => to)).toEqual([0, 0, 1, 1, 1, 2, 2, 2, 3, 3]);
  expect(edgeSets(4)[0]).toEqual([0, 0, 0, 1]);
  expect(edgeSets(4)).toHaveLength(15);
});

test('no sequence of edge sets that connects is more probable than the decoded one', () => {
  const sets = edgeSets(4);
  const logit = fc.double({ min: -4, max: 4, noNaN: true });
  void fc.assert(
    fc.property(fc.array(fc.array(logit, { minLength: 4, maxLength: 4 }), { minLength: 3, maxLength: 3 }), (logits) => {
      const operations = logits.map((block) => block.map(() => [0, 1, 0, 0, 0]));
      const { arch_code_a: decoded } = decodeArchitecture(logits, operations, 2);
      let best = Number.POSITIVE_INFINITY;
      for (const a of sets)
        for (const b of sets) for (const c of sets) best = Math.min(best, lengthOf(logits, [a, b, c], 2));
      expect(lengthOf(logits, decoded, 2)).toBeCloseTo(best, 9);
    }),
    { numRuns: 25 },
  );
});

test('what is decoded can be built: every node that is read is written, and codes are the most probable operations', () => {
  const logit = fc.double({ min: -6, max: 6, noNaN: true });
  void fc.assert(
    fc.property(fc.array(fc.array(logit, { minLength: 7, maxLength: 7 }), { minLength: 5, maxLength: 5 }), (logits) => {
      const operations = logits.map((block) => block.map((value) => [0, value, 0.5, -value, 0.1]));
      const found = decodeArchitecture(logits, operations, 3);
      expect(typeof livePartsOf(found, 3)).toBe('object');
      expect(found.node_a).toHaveLength(6);
      expect(found.arch_code_c[0]?.[0]).toBe((logits[0]?.[0] ?? 0) > 0.5 ? 1 : (logits[0]?.[0] ?? 0) < -0.5 ? 3 : 2);
    }),
    { numRuns: 50 },
  );
});

test('the share of memory grows with edges, is 1 for all of them, and weighs operations as MONAI does', () => {
  const all = { arch_code_a: [[1, 1, 1, 1]], arch_code_c: [[1, 1, 1, 1]], node_a: [] };
  expect(memoryShare(all, SPACE)).toBe(1);
  // Costs 1 + 3 + preprocess (0, 2*2+2, 8*0.5+3, 0); depth 1 has twice the channels on an eighth of the voxels.
  const [keep, up, down, low] = [4, 10, 11 / 4, 4 / 4];
  const finest = { ...all, arch_code_a: [[1, 0, 0, 0]] };
  expect(memoryShare(finest, SPACE)).toBeCloseTo(keep / (keep + up + down + low), 12);
});
