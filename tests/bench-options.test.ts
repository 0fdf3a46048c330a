import { expect, test } from 'vitest';
import { main } from './bench/analyze.ts';
import { wrongUsage } from './bench/lib/wrong-usage.ts';

test.each([
  [['--dta', 'x'], /unknown option '--dta'/i],
  [['--data', '/nowhere'], /\/nowhere does not exist/],
])('bench -- analyze %j is refused in words', async (args, message) => {
  const said = wrongUsage(await main(args).catch((error: unknown) => error));
  expect(said).toMatch(message);
  expect(said).not.toMatch(/^\s+at /m);
  expect(wrongUsage(new TypeError('a fault of ours'))).toBeNull();
});
