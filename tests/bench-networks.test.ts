import { networkOf } from '@voxhelm/algorithms/networks';
import { expect, test } from 'vitest';
import { BENCH_NETWORKS, networksGiven } from './bench/step/networks.ts';

test('every network that the benchmark names can be built, and takes the patches of its rows', () => {
  for (const { label, network, rows } of BENCH_NETWORKS) {
    const { divisor, inChannels, outChannels } = networkOf(network);
    expect([label, inChannels, outChannels]).toEqual([label, 1, 3]);
    for (const { patch } of rows)
      expect(
        patch.map((size, axis) => size % (divisor[axis] as number)),
        label,
      ).toEqual([0, 0, 0]);
  }
});

test('networks are found by class and by label, options are laid over the first, and another name is refused', () => {
  expect(networksGiven('SwinUNETR', undefined).map(({ label }) => label)).toEqual(['SwinUNETR 24', 'SwinUNETR 48']);
  expect(networksGiven('DiNTS found', undefined)).toHaveLength(1);
  const [one] = networksGiven('SwinUNETR', '{"use_v2":true}');
  expect(one?.network.options).toMatchObject({ feature_size: 24, use_v2: true });
  expect(() => networksGiven('Unheard', undefined)).toThrow(/Unheard/);
});
