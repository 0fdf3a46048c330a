import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VoxhelmError } from '@voxhelm/contracts/errors';

/*
 * `npm run bench -- NAME [options]`: JSON lines on standard output. Each benchmark is the file of its name beside this one.
 */

const folder = dirname(fileURLToPath(import.meta.url));
const names = (await readdir(folder))
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts' && !file.includes('.test.'))
  .map((file) => file.slice(0, -3));
const [name, ...args] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  process.stderr.write(`npm run bench -- NAME, where NAME is one of: ${names.join(', ')}\n`);
  process.exitCode = 2;
} else {
  const benchmark = (await import(`./${name}.ts`)) as { main(args: readonly string[]): Promise<void> };
  try {
    await benchmark.main(args);
  } catch (error) {
    if (!isWrongUsage(error)) throw error;
    process.stderr.write(`bench ${name}: ${error.message}\n${error.fix === undefined ? '' : `  ${error.fix}\n`}`);
    process.exitCode = 2;
  }
}

/** An option that is unknown (node:util's parseArgs says so by a code) or has a wrong value; anything else is a fault. */
function isWrongUsage(error: unknown): error is Error & { readonly fix?: string } {
  if (error instanceof VoxhelmError) return error.code === 'invalid-request';
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');
}
