import type { ErrorRecord } from '@voxhelm/contracts/errors';
import type { Job, SmallerWhy } from '@voxhelm/contracts/jobs';
import type { CaseCacheSettings } from './loader/case-cache.ts';

/*
 * What a trainer and its child processes say to each other over the IPC channel of `child_process.fork` (as JSON).
 */

/** What a job's child process may reach: no database, and the API key by message rather than by environment. */
export interface JobSettings {
  readonly url: string;
  readonly apiKey: string | undefined;
  readonly artifacts: string;
  /** Where preprocessed cases are kept on this host's disk; null: nowhere. */
  readonly caseCache: CaseCacheSettings | null;
}

/** Parent to child, once: the job to do. */
export interface JobRequest {
  readonly type: 'job';
  readonly job: Job;
  /** Temporal's number of the attempt, from 1; together with the job's lease it fences late writers. */
  readonly attempt: number;
  /** How many times the plan is to be made smaller, for the device ran out of memory as often. */
  readonly smaller: number;
  /** Why the last time. */
  readonly smallerWhy?: SmallerWhy;
  /** Why the attempt before this one ended; absent where nobody said. */
  readonly after?: string;
  readonly settings: JobSettings;
}

/** The details of an activity's heartbeat: small, for Temporal keeps them. */
export interface Heartbeat {
  readonly phase: string;
  /** How far a job that counts things (cases, candidates) is. */
  readonly done?: number;
  readonly total?: number;
  readonly step?: number;
  readonly steps?: number;
  readonly loss?: number | null;
  readonly dice?: number | null;
  readonly stepsPerSecond?: number;
  readonly etaSeconds?: number | null;
  readonly memoryMb: number;
  /** Things that an operator should know of this attempt, such as an ignored damaged checkpoint. */
  readonly events?: readonly string[];
}

/** Levels of a child's log lines; the parent writes them with its own logger. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Child to parent. Exactly one `result` or `error` ends a job that ends by itself. */
export type ChildMessage =
  | { readonly type: 'progress'; readonly heartbeat: Heartbeat }
  | {
      readonly type: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly type: 'result'; readonly value: unknown }
  | { readonly type: 'error'; readonly error: ErrorRecord };
