import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, rootDirectory, run, sha256 } from './steps.mjs';

const lockFile = join(rootDirectory, 'package-lock.json');
// Inside node_modules, so that it vanishes with what it vouches for.
const stamp = join(rootDirectory, 'node_modules', '.voxhelm-lock');

/** The npm packages, exactly as the lock file names them. No package's own script runs (.npmrc: ignore-scripts). */
export const dependencies = {
  name: 'npm packages',
  about: 'installing from the lock file (about 600 packages, 20 to 60 s)',
  async ready() {
    if (!(await exists(stamp))) return null;
    const { readFile } = await import('node:fs/promises');
    return (await readFile(stamp, 'utf8')) === (await sha256(lockFile)) ? 'as the lock file says' : null;
  },
  async bring() {
    // Not `npm ci`: it refuses a lock file that was written where a registry mirror lacks the binaries of other platforms.
    // `npm install --no-save` takes the same versions and checksums and leaves the lock file as it is.
    await run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: rootDirectory });
    await writeFile(stamp, await sha256(lockFile));
    return 'installed';
  },
};
