import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { endProcess, identify, isSameProcess, type ProcessIdentity } from './processes.ts';

/** What a running stack writes down in `<home>/service.json`: who it is, where it answers, which processes are its. */
export interface StackState {
  readonly supervisor: ProcessIdentity;
  readonly url: string | null;
  readonly databaseUrl: string | null;
  readonly temporalAddress: string | null;
  readonly services: Record<string, ProcessIdentity>;
}

const path = (home: string): string => join(home, 'service.json');

/** The state of the stack that runs on this home, or null where none does. */
export async function runningStack(home: string): Promise<StackState | null> {
  const state = await readState(home);
  return state !== null && (await isSameProcess(state.supervisor)) ? state : null;
}

/**
 * Takes the home for this process. Throws `conflict` where another stack runs on it; ends what a stack that was killed
 * left running (its database and Temporal server hold the files that ours needs).
 */
export async function claimHome(home: string): Promise<ProcessIdentity> {
  const other = await runningStack(home);
  if (other !== null) {
    throw new VoxhelmError(
      'conflict',
      `Voxhelm already runs on ${home} (pid ${other.supervisor.pid}${other.url === null ? '' : `, ${other.url}`})`,
      {
        fix: 'Use that one, stop it with Ctrl-C, or name another folder in VOXHELM_HOME.',
      },
    );
  }
  const left = await readState(home);
  for (const [name, process] of Object.entries(left?.services ?? {})) {
    await endProcess(process, name === 'postgres' ? 'SIGINT' : 'SIGTERM', 15_000);
  }
  const self = await identify(process.pid);
  if (self === null) throw new VoxhelmError('internal', `process ${process.pid} cannot find itself`);
  return self;
}

/** Writes the state in one step. */
export async function writeState(home: string, state: StackState): Promise<void> {
  await mkdir(dirname(path(home)), { recursive: true });
  const temporary = `${path(home)}.${process.pid}.tmp`;
  await writeFile(temporary, `${JSON.stringify(state, null, 1)}\n`, { mode: 0o600 }); // holds the database's password
  await rename(temporary, path(home));
}

/** Forgets the state, when everything has stopped. */
export async function clearState(home: string): Promise<void> {
  await rm(path(home), { force: true });
}

async function readState(home: string): Promise<StackState | null> {
  try {
    return JSON.parse(await readFile(path(home), 'utf8')) as StackState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new VoxhelmError('storage', `${path(home)} cannot be read: ${(error as Error).message}`, {
      fix: 'Delete it if no Voxhelm runs.',
      cause: error,
    });
  }
}
