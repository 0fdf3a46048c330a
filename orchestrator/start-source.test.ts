import { expect, test } from 'vitest';
import { checkScheduleStart } from './start-source.ts';

test('a schedule may start from a file only where somebody vouches for it', () => {
  const from = (startFrom: string, trustStart = false) =>
    checkScheduleStart({ run: { seed: 0, skipInvalid: false, plan: { startFrom } }, trustStart });
  expect(() => from('/models/theirs.zip')).toThrow(/nobody knows whether the weights to start from/);
  expect(() => from('/models/theirs.zip', true)).not.toThrow();
  expect(() => from('run:run_1')).not.toThrow();
  expect(() => checkScheduleStart({ trustStart: false })).not.toThrow();
});
