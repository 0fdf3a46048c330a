import { VoxhelmError } from '@voxhelm/contracts/errors';
import { expect, test } from 'vitest';
import { networkOf } from '../networks.ts';

/*
 * What SegResNetDS takes is held to MONAI's numbers in tests/parity; what it does not take is refused by its name.
 */

function refusal(options: Record<string, unknown>): VoxhelmError {
  try {
    networkOf({ class: 'SegResNetDS', options });
  } catch (error) {
    if (error instanceof VoxhelmError) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(options)} was not refused`);
}

test.each([
  ['norm', 'LAYER', /"LAYER" is not built/],
  ['norm', 'constructor', /is not built/],
  ['norm', ['LOCALRESPONSE', { size: 3 }], /is not built/],
  ['norm', 'GROUP', /num_groups is missing/],
  ['norm', ['GROUP', { num_groups: 3 }], /norm is/],
  ['norm', ['GROUP', { num_groups: 4, momentum: 0.1 }], /group has no setting momentum/],
  ['norm', ['BATCH', { momentum: null }], /momentum/],
  ['norm', ['BATCH', { colour: 1 }], /batch has no setting colour/],
  ['upsample_mode', 'nearest', /upsample_mode/],
  ['act', 'constructor', /activation/],
  ['act', 'GEGLU', /activation/],
  ['preprocess', 'normalize', /preprocess/],
  ['dsdepth', 0, /dsdepth/],
  ['spatial_dims', 2, /spatial_dims/],
  ['colour', 1, /colour/],
])('%s = %j is refused by its name', (option, value, message) => {
  const error = refusal({ [option]: value });
  expect(error.code).toBe('invalid-request');
  expect(error.message).toMatch(message);
  expect(error.details).toMatchObject({ option });
  expect(error.fix).not.toBe('');
});

test('pixel shuffling is refused where axes are halved one after the other', () => {
  expect(refusal({ upsample_mode: 'pixelshuffle', resolution: [1, 1, 4] }).details).toMatchObject({
    option: 'upsample_mode',
  });
});
