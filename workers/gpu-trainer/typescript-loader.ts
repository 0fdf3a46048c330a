import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

/**
 * Node arguments with which a child process runs TypeScript as it is. The loader is named by its full
 * address: a bare `tsx` would be looked for from the current folder, which need not be ours.
 */
export function typescriptArguments(): string[] {
  const loader = createRequire(import.meta.url).resolve('tsx');
  return ['--import', pathToFileURL(loader).href];
}

/**
 * A worker thread that runs TypeScript as it is. It registers the loader itself: a thread has its process's loader, which
 * may be none (Vitest's processes on Node 20), and `--import` does not register it in threads. Twice does no harm.
 */
export function typescriptThread(program: URL, workerData: unknown = null): Worker {
  // The ESM build by its path: `resolve('tsx/esm/api')` would give the CommonJS one, whose register() misses its files.
  const loader = new URL('./esm/api/index.mjs', pathToFileURL(createRequire(import.meta.url).resolve('tsx'))).href;
  const start = `
    import(${JSON.stringify(loader)})
      .then(({ register }) => register())
      .then(() => import(${JSON.stringify(program.href)}));`;
  return new Worker(start, { eval: true, execArgv: [], workerData });
}
