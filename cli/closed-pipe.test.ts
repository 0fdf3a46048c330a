import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const COMMAND = fileURLToPath(new URL('./voxhelm.mjs', import.meta.url));
const SAMPLES = fileURLToPath(new URL('../samples/hippocampus', import.meta.url));

test.each([
  ['a report', ['analyze', SAMPLES]],
  ['the help', ['analyze', '--help']],
])('a reader that goes away ends the command quietly: %s', async (_, args) => {
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number];
  expect(said).toBe('');
  expect([0, 141]).toContain(code);
});
