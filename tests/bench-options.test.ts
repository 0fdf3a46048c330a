import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rootDirectory } from '@voxhelm/infra/embedded/node-service';
import { expect, test } from 'vitest';

test.each([
  [['--dta', 'x'], /unknown option '--dta'/i],
  [['--data', '/nowhere'], /\/nowhere does not exist/],
])('bench -- analyze %j is refused without a stack trace', async (args, message) => {
  const program = ['--import', 'tsx', 'tests/bench/main.ts', 'analyze', ...args];
  const child = spawn(process.execPath, program, { cwd: rootDirectory, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(2);
  expect(said).toMatch(message);
  expect(said).not.toMatch(/^\s+at /m);
});
