import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { refusals } from '../fixtures/untraceable-steps.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/untraceable-steps.ts', import.meta.url));

/** What each network of the fixture is refused for: the op that is named, or tfjs's own words. */
const WHY = {
  'no-gradient': /^Cumprod at .* tfjs knows no gradient of it/,
  'no-shape': /^Betainc at .* it has no shape function/,
  'no-shape-in-gradient': /^EluGrad, in the gradient of Elu at /,
  captured: /^capturing a tensor at /,
  looked: /^reading a value at /,
  branched: /^reading a value at /,
  promised: /^reading a value at /,
  awaited: /^reading a value at /,
  misfit: /conv3d: depth of input \(2\) must match/,
  'not-complex': /dtype for tf\.spectral\.fft\(\) must be complex64/,
};

/** The line of the fixture that ends with a network's name. */
function placeOf(name: string): string {
  const line = readFileSync(FIXTURE, 'utf8')
    .split('\n')
    .findIndex((text) => text.endsWith(`// ${name}`));
  expect(line, name).toBeGreaterThan(0);
  return `${FIXTURE}:${line + 1}`;
}

function expectPlaces(refused: ReturnType<typeof refusals>): void {
  for (const [name, why] of Object.entries(WHY)) {
    expect(refused[name], name).toMatchObject({
      code: 'invalid-request',
      message: expect.stringMatching(why),
      details: { place: placeOf(name) },
    });
    expect(refused[name]?.message, name).toContain(placeOf(name));
  }
}

test('a step that cannot be compiled is refused with its reason and the line of the network where it stands', () => {
  expectPlaces(refusals());
});

test('so it is in a process as the product starts them, where tsx turns source maps on', () => {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const output = execFileSync(process.execPath, ['--import', tsx, FIXTURE], { encoding: 'utf8', timeout: 60_000 });
  expectPlaces(JSON.parse(output));
});
