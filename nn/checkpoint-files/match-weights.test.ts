import { expect, test } from 'vitest';
import type { Network } from '../network.ts';
import type { StoredTensor } from '../weights.ts';
import { describeMatch, matchWeights } from './match-weights.ts';

const init = { rule: 'zeros' } as const;
const network = {
  class: 'Tiny',
  specs: [
    { name: 'encoder.conv.weight', shape: [4, 1, 3, 3, 3], kind: 'conv', init },
    { name: 'encoder.norm.bias', shape: [4], kind: 'vector', init },
    { name: 'head.weight', shape: [2, 4, 1, 1, 1], kind: 'conv', init },
  ],
  stateDict: { aliases: new Map([['second.bias', 'encoder.norm.bias']]), buffers: () => new Map() },
} as unknown as Network;

function tensor(...shape: number[]): StoredTensor {
  const length = shape.reduce((product, n) => product * n, 1);
  return { dtype: 'F32', shape, data: Float32Array.from({ length }, (_, i) => i + 1) };
}

test('what has a name and shape of the network is taken, under second names too; the rest is told with the reason', () => {
  const match = matchWeights(
    network,
    new Map([
      ['encoder.conv.weight', tensor(4, 1, 3, 3, 3)],
      ['second.bias', tensor(4)],
      ['head.weight', tensor(5, 4, 1, 1, 1)],
      ['colour', tensor(1)],
    ]),
  );
  expect([...match.values.keys()]).toEqual(['encoder.conv.weight', 'encoder.norm.bias']);
  expect(match.unused).toEqual(['head.weight', 'colour']);
  expect(describeMatch(match)).toBe(
    '2 of 3 parameters (93.3 % of the values) loaded; not loaded: head.weight (the file has it as 5x4x1x1x1, not 2x4x1x1x1)',
  );
});

test('names that differ as a whole are found: inside a wrapper, or a part alone', () => {
  const whole = (prefix: string) => new Map(network.specs.map(({ name, shape }) => [prefix + name, tensor(...shape)]));
  expect(matchWeights(network, whole('backbone.')).share).toBe(1);
  const part = new Map([['conv.weight', tensor(4, 1, 3, 3, 3)]]);
  expect([...matchWeights(network, part).values.keys()]).toEqual(['encoder.conv.weight']);
});

test('where nothing fits, nothing is taken', () => {
  const match = matchWeights(network, new Map([['other.weight', tensor(3)]]));
  expect(match.values.size).toBe(0);
  expect(match.share).toBe(0);
  expect(describeMatch(match)).toMatch(/^0 of 3 .*the file has none of this name/);
});

test('what is not all of the values is never told as 100 %', () => {
  const match = { values: new Map([['a', new Float32Array(1)]]), missing: new Map([['b', 'it lacks']]), unused: [] };
  expect(describeMatch({ ...match, share: 0.9999 })).toContain('1 of 2 parameters (99.9 % of the values)');
  expect(describeMatch({ ...match, missing: new Map(), share: 1 })).toContain('1 of 1 parameters (100.0 % of');
});
