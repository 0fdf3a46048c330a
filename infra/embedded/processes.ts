import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process by pid and start time: a pid alone may have been given to another process since. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since boot, from /proc; null where /proc is missing. */
  readonly startTicks: string | null;
}

/** Identity of a running process; null where there is none of that pid. */
export async function identify(pid: number): Promise<ProcessIdentity | null> {
  if (!isAlive(pid)) return null;
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // Field 22 (proc(5)); the command in field 2 may hold spaces, so count from its closing bracket.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { pid, startTicks: fields[19] ?? null };
  } catch {
    return { pid, startTicks: null };
  }
}

/** True where that very process still runs. */
export async function isSameProcess(known: ProcessIdentity): Promise<boolean> {
  const now = await identify(known.pid);
  return now !== null && now.startTicks === known.startTicks;
}

/** Ends a process: `signal`, then SIGKILL after `graceMs`. Resolves when it is gone. */
export async function endProcess(known: ProcessIdentity, signal: NodeJS.Signals, graceMs: number): Promise<void> {
  if (!(await isSameProcess(known))) return;
  trySignal(known.pid, signal);
  const deadline = performance.now() + graceMs;
  while (performance.now() < deadline) {
    if (!(await isSameProcess(known))) return;
    await sleep(50);
  }
  trySignal(known.pid, 'SIGKILL');
  while (await isSameProcess(known)) await sleep(20);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function trySignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
