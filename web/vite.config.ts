import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

/** What compresses; images and compressed data do not. */
const TEXT = /\.(js|css|html|svg|json|wasm)$/;

/** Brotli's best costs ten seconds a megabyte more than is saved where a file is large (the volume viewer). */
const qualityFor = (bytes: Uint8Array): number => (bytes.byteLength > 1_000_000 ? 7 : 11);

/** Leaves each file beside itself as .br and .gz, so that the API sends it compressed without working. */
function precompress(): Plugin {
  let folder = '';
  return {
    name: 'precompress',
    apply: 'build',
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    async writeBundle() {
      for (const name of await readdir(folder, { recursive: true })) {
        if (!TEXT.test(name)) continue;
        const bytes = await readFile(join(folder, name));
        await writeFile(
          join(folder, `${name}.br`),
          await promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: qualityFor(bytes) } }),
        );
        await writeFile(join(folder, `${name}.gz`), await promisify(gzip)(bytes, { level: 9 }));
      }
    },
  };
}

const browserEngine = fileURLToPath(new URL('./src/predict/engine.ts', import.meta.url));

/** Networks take their ops from nn/engine.ts, which loads TensorFlow's native library; here from the browser's. */
const swapEngine: Plugin = {
  name: 'swap-engine',
  enforce: 'pre',
  async resolveId(source, importer, options) {
    if (!/(^|\/)engine(\.ts)?$/.test(source)) return null;
    const found = await this.resolve(source, importer, { ...options, skipSelf: true });
    return found !== null && /\/nn\/engine\.ts$/.test(found.id) ? browserEngine : found;
  },
};

const shim = (name: string): string => fileURLToPath(new URL(`./src/dataset/node/${name}.ts`, import.meta.url));

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // The dataset check is the command line's own code: what it asks of Node is answered here from the dropped files.
  resolve: {
    alias: [
      { find: 'node:fs/promises', replacement: shim('fs-promises') },
      { find: 'node:fs', replacement: shim('fs') },
      { find: 'node:path', replacement: shim('path') },
      { find: 'node:os', replacement: shim('os') },
      { find: 'node:crypto', replacement: shim('crypto') },
      { find: 'node:zlib', replacement: shim('zlib') },
      { find: 'node:util', replacement: shim('util') },
      { find: 'node:timers/promises', replacement: shim('timers') },
      { find: './start-worker.ts', replacement: shim('start-worker') },
      { find: 'node:worker_threads', replacement: shim('worker-threads') },
    ],
  },
  worker: { format: 'es', plugins: () => [swapEngine] },
  build: {
    target: 'es2023',
    sourcemap: false,
    chunkSizeWarningLimit: 3_000,
    rolldownOptions: { checks: { moduleLevelDirective: false } },
  },
  plugins: [swapEngine, precompress()],
  server: { proxy: { '/v1': { target: process.env['VOXHELM_URL'] ?? 'http://127.0.0.1:7420', changeOrigin: false } } },
});
