import { expect, test } from 'vitest';
import { readOpacities, readPlace } from './view-state.ts';

test('an address keeps layers and place; what it does not say sensibly is passed over', () => {
  expect(readOpacities('truth:0.8,prediction:0,image:7,x,<b>:1')).toEqual({ truth: 0.8, prediction: 0 });
  expect(readOpacities('')).toEqual({});
  expect(readPlace('-12.5,3.0,40.1')).toEqual([-12.5, 3, 40.1]);
  for (const text of ['', '1,2', 'a,b,c', '1,2,3,4']) expect(readPlace(text)).toBeNull();
});
