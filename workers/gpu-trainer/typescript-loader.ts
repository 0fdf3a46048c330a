import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/**
 * Node arguments with which a child process or worker thread runs TypeScript as it is. The loader is named by its full
 * address: a bare `tsx` would be looked for from the current folder, which need not be ours.
 */
export function typescriptArguments(): string[] {
  const loader = createRequire(import.meta.url).resolve('tsx');
  return ['--import', pathToFileURL(loader).href];
}
