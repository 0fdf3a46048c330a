import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { VoxhelmError } from './errors.ts';

/** All environment variables that the product reads, parsed once at the start of a process. */
const Environment = z.object({
  VOXHELM_URL: z.url().default('http://127.0.0.1:7420'),
  VOXHELM_API_KEY: z.string().min(16).optional(),
  VOXHELM_HOME: z.string().min(1).optional(),
  VOXHELM_CACHE: z.string().min(1).optional(),
  VOXHELM_ARTIFACTS: z.string().min(1).optional(),
  VOXHELM_CASE_CACHE_GB: z.coerce.number().nonnegative().default(20),
  VOXHELM_SUBMITTED_BY: z.string().max(100).optional(),
  VOXHELM_HOST: z.string().min(1).default('127.0.0.1'),
  VOXHELM_PORT: z.coerce.number().int().min(0).max(65_535).default(7420),
  VOXHELM_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  DATABASE_URL: z.string().min(1).optional(),
  TEMPORAL_ADDRESS: z.string().min(1).optional(),
  TEMPORAL_NAMESPACE: z.string().min(1).default('default'),
  XDG_DATA_HOME: z.string().optional(),
  XDG_CACHE_HOME: z.string().optional(),
});

/** A process's settings. Paths are absolute. */
export interface Settings {
  readonly url: string;
  readonly apiKey: string | undefined;
  /** The user's data: embedded database, artifacts, uploads. */
  readonly home: string;
  /** What can be fetched or built again: libtensorflow, the Temporal server. */
  readonly cache: string;
  /** Where trainers keep preprocessed cases, and how much they may take together; null: nowhere. */
  readonly caseCache: { readonly folder: string; readonly limitBytes: number } | null;
  /** Folder of the artifact store. */
  readonly artifacts: string;
  /** What the command line submits runs as; undefined: the operating system's user name, '': nobody. */
  readonly submittedBy: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly databaseUrl: string | undefined;
  readonly temporalAddress: string | undefined;
  readonly temporalNamespace: string;
}

/**
 * Reads the settings from environment variables; throws `invalid-request` naming every variable that is wrong.
 */
export function readSettings(environment: NodeJS.ProcessEnv = process.env): Settings {
  const parsed = Environment.safeParse(environment);
  if (!parsed.success) {
    throw new VoxhelmError('invalid-request', `environment variables are wrong:\n${z.prettifyError(parsed.error)}`, {
      fix: 'Correct or unset them; docs/operations.md lists each with its default.',
    });
  }
  const env = parsed.data;
  const home = env.VOXHELM_HOME ?? join(env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'voxhelm');
  const cache = env.VOXHELM_CACHE ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'voxhelm');
  const limitBytes = env.VOXHELM_CASE_CACHE_GB * 1e9;
  return {
    url: env.VOXHELM_URL,
    apiKey: env.VOXHELM_API_KEY,
    home,
    cache,
    caseCache: limitBytes > 0 ? { folder: join(cache, 'cases'), limitBytes } : null,
    artifacts: env.VOXHELM_ARTIFACTS ?? join(home, 'artifacts'),
    submittedBy: env.VOXHELM_SUBMITTED_BY,
    host: env.VOXHELM_HOST,
    port: env.VOXHELM_PORT,
    logLevel: env.VOXHELM_LOG_LEVEL,
    databaseUrl: env.DATABASE_URL,
    temporalAddress: env.TEMPORAL_ADDRESS,
    temporalNamespace: env.TEMPORAL_NAMESPACE,
  };
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;

/** Whether only this machine reaches an address or host name. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** Refuses to serve other machines without a key: throws `invalid-request` naming the address. */
export function checkBinding(settings: Pick<Settings, 'host' | 'apiKey'>): void {
  if (settings.apiKey !== undefined || isLoopback(settings.host)) return;
  throw new VoxhelmError('invalid-request', `VOXHELM_HOST is "${settings.host}", which other machines can reach`, {
    fix: 'Set VOXHELM_API_KEY (16 characters or more), or leave VOXHELM_HOST at 127.0.0.1.',
  });
}
