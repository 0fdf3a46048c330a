import type { SmallerWhy } from '@voxhelm/contracts/jobs';
import type { ArtifactStore } from '@voxhelm/storage/artifact-store';
import type { Heartbeat, JobSettings, LogLevel } from '../messages.ts';

/** What a job needs beside its input; everything that reaches out of the process is in here. */
export interface JobContext {
  readonly store: ArtifactStore;
  readonly settings: JobSettings;
  /** Temporal's number of this attempt, from 1. */
  readonly attempt: number;
  /** How many times the job's plan is to be made smaller (algorithms/plan-smaller.ts). */
  readonly smaller: number;
  /** Why the last time. */
  readonly smallerWhy: SmallerWhy;
  /** Why the attempt before this one ended; null where nobody said. */
  readonly after: string | null;
  /** Aborted when the job shall save what it has and stop. */
  readonly signal: AbortSignal;
  /** Tells the trainer, which forwards it as the activity's heartbeat. */
  progress(heartbeat: Heartbeat): void;
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** When the process started, by `performance.timeOrigin`'s clock (milliseconds since 1970). */
  readonly startedAtMs: number;
}

/** Resident memory of this process in MB (2^20 bytes). */
export function residentMemoryMb(): number {
  return Math.round(process.memoryUsage.rss() / 2 ** 20);
}
