import { createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { cacheDirectory, exists, run } from './steps.mjs';

export const TEMPORAL_CLI_VERSION = '1.5.1';

/** Where set-up leaves the binary; infra/embedded/temporal.ts looks in the same order: TEMPORAL_CLI, cache, PATH. */
const cached = join(cacheDirectory, 'bin', `temporal-${TEMPORAL_CLI_VERSION}`);

/**
 * The Temporal server (the official CLI holds server and web UI). Taken from PATH, the cache, Temporal's own download,
 * or, where that is out of reach, built by Go from its module (newer tags carry a replace directive and refuse `go install`).
 */
export const temporal = {
  name: 'Temporal server',
  about: `fetching CLI ${TEMPORAL_CLI_VERSION} (about 10 s; where Temporal’s download is out of reach, Go builds it in 3 to 5 minutes)`,
  async ready() {
    if (process.env.TEMPORAL_ADDRESS !== undefined) return `external, ${process.env.TEMPORAL_ADDRESS}`;
    if (await exists(cached)) return `cached in ${cached}`;
    const onPath = await run('temporal', ['--version']).catch(() => null);
    return onPath === null ? null : `on PATH (${onPath.trim()})`;
  },
  async bring(say) {
    await mkdir(join(cacheDirectory, 'bin'), { recursive: true });
    const work = await mkdtemp(join(cacheDirectory, 'temporal-'));
    try {
      const binary = await download(work).catch(async (error) => {
        say(`Temporal’s download is out of reach (${error.message}); building with Go, 3 to 5 minutes`);
        return build(work);
      });
      await chmod(binary, 0o755);
      await rename(binary, cached);
    } finally {
      await run('chmod', ['-R', 'u+w', work]).catch(() => undefined); // Go makes its module cache read-only
      await rm(work, { recursive: true, force: true });
    }
    return `in ${cached}`;
  },
};

/** The archive that `temporal`'s own installer and the SDK's test environment fetch. */
async function download(work) {
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch];
  const url = `https://temporal.download/cli/archive/v${TEMPORAL_CLI_VERSION}?platform=${process.platform}&arch=${arch}`;
  const response = await fetch(url, { signal: AbortSignal.timeout(180_000) });
  if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
  const archive = join(work, 'temporal.tar.gz');
  await pipeline(Readable.fromWeb(response.body), createWriteStream(archive));
  await run('tar', ['-xzf', archive, '-C', work, 'temporal']);
  return join(work, 'temporal');
}

async function build(work) {
  // Its own GOPATH bin, the user's module cache: nothing is left behind but the binary.
  await run('go', ['install', `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI_VERSION}`], {
    env: { ...process.env, GOBIN: work },
  }).catch((error) => {
    throw new Error(
      `${error.message}\nThe Temporal server is missing. Install its CLI (https://docs.temporal.io/cli), install Go, or set TEMPORAL_ADDRESS to a server of your own.`,
    );
  });
  return join(work, 'temporal');
}
