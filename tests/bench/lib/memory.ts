import { readFileSync, writeFileSync } from 'node:fs';

/*
 * Peak resident memory of this process (MiB), counted from a mark: the same rule as tests/bench/anchor/memory.py.
 */

function status(field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'));
  if (match === null) throw new Error(`/proc/self/status has no ${field}`);
  return Number(match[1]) / 1024;
}

/** Sets the kernel's high-water mark back to what is resident now (proc(5), clear_refs) and returns that. */
export function markMemory(): number {
  writeFileSync('/proc/self/clear_refs', '5');
  return status('VmRSS');
}

/** The most that was resident since the mark, above it. */
export function peakAbove(marked: number): number {
  return status('VmHWM') - marked;
}
