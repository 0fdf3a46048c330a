import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory, exists, rootDirectory, run } from './steps.mjs';

/** What the built pages are made of. */
const SOURCES = ['web', 'contracts', 'imaging', 'nn', 'algorithms', 'ensembler'];
const target = join(rootDirectory, 'web', 'dist');
const stamp = join(target, '.sources-sha256');

/** SHA-256 over the sources' names and contents, and the versions of the packages that they use. */
async function sourcesHash() {
  const hash = createHash('sha256').update(await readFile(join(rootDirectory, 'web', 'package.json')));
  for (const folder of SOURCES) {
    const names = await readdir(join(rootDirectory, folder), { recursive: true });
    for (const name of names.sort()) {
      if (!/\.(tsx?|css|html|svg|json)$/.test(name) || /\.test\.ts$|(^|\/)(dist|node_modules)\//.test(name)) continue;
      hash.update(`${folder}/${name}\0`).update(await readFile(join(rootDirectory, folder, name)));
    }
  }
  return hash.digest('hex');
}

/** The web UI, built from web/ into web/dist; kept per user by the hash of its sources. */
export const web = {
  name: 'web UI',
  about: 'building it from web/ (about 15 s)',
  async ready() {
    if (!(await exists(stamp))) return null;
    return (await readFile(stamp, 'utf8')) === (await sourcesHash()) ? 'built' : null;
  },
  async bring() {
    const hash = await sourcesHash();
    const cached = join(cacheDirectory, 'web', hash);
    const known = await exists(join(cached, '.sources-sha256'));
    if (!known) await build(cached, hash);
    await rm(target, { recursive: true, force: true });
    await cp(cached, target, { recursive: true });
    return known ? 'taken from the cache' : 'built';
  },
};

/** Builds beside its place and moves there, so that a half-built one is never taken. */
async function build(cached, hash) {
  const temporary = `${cached}.${process.pid}.tmp`;
  await mkdir(join(cacheDirectory, 'web'), { recursive: true });
  const vite = join(rootDirectory, 'node_modules', 'vite', 'bin', 'vite.js');
  await run(process.execPath, [vite, 'build', 'web', '--outDir', temporary, '--emptyOutDir', '--logLevel', 'warn'], {
    cwd: rootDirectory,
    env: { ...process.env, NODE_ENV: 'production' },
  });
  await writeFile(join(temporary, '.sources-sha256'), hash);
  await rm(cached, { recursive: true, force: true });
  await rename(temporary, cached);
}
