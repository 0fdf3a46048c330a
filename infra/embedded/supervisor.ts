import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { endProcess, identify, type ProcessIdentity } from './processes.ts';

/** One process that a supervisor keeps running. */
export interface Service {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** A channel to a Node child, whose end tells it that we died (die-with-parent.mjs). */
  readonly ipc?: boolean;
  readonly stopSignal: NodeJS.Signals;
  /** Time to stop by itself before it is killed. */
  readonly graceMs: number;
  /** Resolves when the service answers; rejects or never resolves while it does not. */
  ready(): Promise<void>;
  readonly readyTimeoutMs: number;
}

/** What a supervisor tells. */
export interface SupervisorEvents {
  onStarted?(name: string, process: ProcessIdentity): void;
  /** A service ended although nobody stopped it; it is started again after `delayMs`. */
  onDied?(name: string, how: string, delayMs: number): void;
}

/** Restarts wait 0.5 s, doubling to at most 10 s; a service that stayed up for a minute starts afresh. */
const FIRST_DELAY_MS = 500;
const LAST_DELAY_MS = 10_000;
const STEADY_MS = 60_000;

/** Starts services in order, starts each again when it dies, stops them in reverse order. */
export interface Supervisor {
  /** Starts a service and waits until it is ready; throws `unavailable` with the end of its log otherwise. */
  start(service: Service): Promise<void>;
  /** Stops everything, a start under way included, which rejects; resolves when the last process is gone. */
  stop(): Promise<void>;
  /** Pid of each running service. */
  pids(): Record<string, number>;
}

interface Entry {
  readonly service: Service;
  child: ChildProcess | null;
  identity: ProcessIdentity | null;
  startedAt: number;
  delayMs: number;
  /** The launch or restart under way, which a stop waits for, so that it knows the process. */
  launched: Promise<void> | null;
}

/** A supervisor whose services write their output to `<logFolder>/<name>.log`. */
export function createSupervisor(logFolder: string, events: SupervisorEvents = {}): Supervisor {
  const entries: Entry[] = [];
  const logs = new Map<string, WriteStream>();
  const stopping = new AbortController();

  async function launch(entry: Entry): Promise<void> {
    const { service } = entry;
    stopping.signal.throwIfAborted();
    const child = spawn(service.program, [...service.args], {
      cwd: service.cwd,
      env: service.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe', ...(service.ipc === true ? (['ipc'] as const) : [])],
      // A process group of its own: Ctrl-C in the terminal reaches us alone, and we stop them in order.
      detached: true,
      ...(service.uid === undefined ? {} : { uid: service.uid }),
      ...(service.gid === undefined ? {} : { gid: service.gid }),
    });
    const log = logs.get(service.name);
    child.stdout?.on('data', (chunk: Buffer) => log?.write(chunk));
    child.stderr?.on('data', (chunk: Buffer) => log?.write(chunk));
    child.on('error', (error) => log?.write(`${service.name}: ${error.message}\n`));
    child.on('exit', (code, signal) =>
      onExit(entry, child, signal === null ? `exit code ${code}` : `signal ${signal}`),
    );
    entry.child = child;
    entry.startedAt = performance.now();
    entry.identity = child.pid === undefined ? null : await identify(child.pid);
    if (entry.identity !== null) events.onStarted?.(service.name, entry.identity);
  }

  function onExit(entry: Entry, child: ChildProcess, how: string): void {
    if (entry.child !== child) return;
    entry.child = null;
    entry.identity = null;
    if (stopping.signal.aborted) return;
    if (performance.now() - entry.startedAt > STEADY_MS) entry.delayMs = FIRST_DELAY_MS;
    const delayMs = entry.delayMs;
    entry.delayMs = Math.min(LAST_DELAY_MS, delayMs * 2);
    events.onDied?.(entry.service.name, how, delayMs);
    entry.launched = sleep(delayMs, undefined, { signal: stopping.signal })
      .then(() => launch(entry))
      .catch((error: unknown) => {
        if (!stopping.signal.aborted) throw error;
      });
  }

  async function start(service: Service): Promise<void> {
    stopping.signal.throwIfAborted();
    await mkdir(logFolder, { recursive: true });
    const logPath = join(logFolder, `${service.name}.log`);
    logs.set(service.name, createWriteStream(logPath, { flags: 'a' }));
    const entry: Entry = {
      service,
      child: null,
      identity: null,
      startedAt: 0,
      delayMs: FIRST_DELAY_MS,
      launched: null,
    };
    entries.push(entry);
    entry.launched = launch(entry);
    await entry.launched;
    await waitReady(service, logPath, stopping.signal);
  }

  async function stop(): Promise<void> {
    stopping.abort();
    for (const entry of [...entries].reverse()) {
      await entry.launched?.catch(() => undefined);
      if (entry.identity !== null) await endProcess(entry.identity, entry.service.stopSignal, entry.service.graceMs);
    }
    for (const log of logs.values()) await new Promise<void>((resolve) => log.end(resolve));
  }

  return {
    start,
    stop,
    pids: () =>
      Object.fromEntries(
        entries.flatMap((entry) => (entry.identity === null ? [] : [[entry.service.name, entry.identity.pid]])),
      ),
  };
}

async function waitReady(service: Service, logPath: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + service.readyTimeoutMs;
  let last: unknown;
  while (performance.now() < deadline) {
    signal.throwIfAborted();
    try {
      await service.ready();
      return;
    } catch (error) {
      last = error;
      await sleep(100);
    }
  }
  throw new VoxhelmError(
    'unavailable',
    `${service.name} did not become ready within ${service.readyTimeoutMs / 1000} s: ${last instanceof Error ? last.message : String(last)}`,
    { fix: `Read its log, ${logPath}.` },
  );
}
