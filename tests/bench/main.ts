import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Benchmark, helpOf } from './lib/options.ts';
import { wrongUsage } from './lib/wrong-usage.ts';

/*
 * `npm run bench -- NAME [options]` (`--help` lists them): JSON lines on standard output. Each benchmark is the file of its name beside this one.
 */

const folder = dirname(fileURLToPath(import.meta.url));
const names = (await readdir(folder))
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts' && !file.includes('.test.'))
  .map((file) => file.slice(0, -3));
const [name, ...args] = process.argv.slice(2);
const asksForHelp = [name, ...args].some((one) => one === '--help' || one === '-h');
if (name === undefined || !names.includes(name)) {
  const usage = `npm run bench -- NAME, where NAME is one of: ${names.join(', ')}\n\`npm run bench -- NAME --help\` lists its options.\n`;
  (asksForHelp ? process.stdout : process.stderr).write(usage);
  if (!asksForHelp) process.exitCode = 2;
} else {
  const benchmark = (await import(`./${name}.ts`)) as Benchmark;
  try {
    if (asksForHelp) process.stdout.write(helpOf(name, benchmark));
    else await benchmark.main(args);
  } catch (error) {
    const said = wrongUsage(error);
    if (said === null) throw error;
    process.stderr.write(`bench ${name}: ${said}\n  \`npm run bench -- ${name} --help\` lists the options.\n`);
    process.exitCode = 2;
  }
}
