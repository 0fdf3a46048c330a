import { expect, test } from 'vitest';
import { itemOf } from './path.ts';

test.each(['case_1', 'a%b', '100 %', 'a%20b', 'ä/ö', '<img src=x>', 'a?b#c'])(
  'the case "%s" is found by its address',
  (name) => {
    expect(itemOf(new URL(`http://x/runs/r/cases/${encodeURIComponent(name)}?sort=dice`).pathname)).toBe(name);
  },
);

test('an address that nobody could have made is taken as it stands', () => {
  expect(itemOf('/runs/r/cases/%zz')).toBe('%zz');
  expect(itemOf('/runs/r')).toBe('');
});
