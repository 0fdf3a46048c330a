import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { wrongUsage } from './lib/wrong-usage.ts';

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
    const said = wrongUsage(error);
    if (said === null) throw error;
    process.stderr.write(`bench ${name}: ${said}\n`);
    process.exitCode = 2;
  }
}
