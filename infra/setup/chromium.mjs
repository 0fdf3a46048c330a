import { createRequire } from 'node:module';
import { join } from 'node:path';
import { exists, rootDirectory, run } from './steps.mjs';

/** Where tests/web/browser.ts looks first. */
const PLACES = [
  process.env.VOXHELM_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].filter((path) => path !== undefined);

/** The browser that the tests of the web UI drive: one that is there, Debian's package, or Playwright's own download. */
export const chromium = {
  name: 'Chromium for the web tests',
  about: 'installing it (Debian’s package as root, else Playwright’s own download; a minute)',
  async ready() {
    for (const path of PLACES) if (await exists(path)) return path;
    const own = playwrightsOwn();
    return own !== null && (await exists(own)) ? own : null;
  },
  async bring(say) {
    if (process.getuid?.() === 0 && (await exists('/usr/bin/apt-get'))) {
      say('apt-get install chromium');
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      const failed = await run('sh', ['-c', 'apt-get update -q && apt-get install -y -q chromium'], { env }).then(
        () => null,
        (error) => error,
      );
      if (failed === null) return '/usr/bin/chromium';
      say(`${failed.message.split('\n').at(-1)}; taking Playwright’s own`);
    }
    try {
      await run(process.execPath, [join(rootDirectory, 'node_modules/playwright-core/cli.js'), 'install', 'chromium']);
    } catch (error) {
      throw new Error(
        `no Chromium could be brought, which the tests of the web UI drive (${error.message.split('\n').at(-1)}). ` +
          'Install it (apt-get install chromium) or name one in VOXHELM_CHROMIUM; ' +
          '`npm test -- unit parity e2e` runs everything else.',
      );
    }
    return 'Playwright’s own';
  },
};

function playwrightsOwn() {
  try {
    // The tests' own dependency, not set-up's: nothing is there on a fresh clone.
    return createRequire(join(rootDirectory, 'tests', 'package.json'))('playwright-core').chromium.executablePath();
  } catch {
    return null; // not installed yet
  }
}
