import { expect, test } from 'vitest';
import { mostOfOneHost } from './trainers.ts';

test('trainers are counted by their host, for its memory is shared; where none is known there is one', () => {
  const trainers = ['11@alpha', '12@alpha', '11@beta'].map((identity) => ({ identity }));
  expect(mostOfOneHost(trainers)).toBe(2);
  expect(mostOfOneHost([])).toBe(1);
});
