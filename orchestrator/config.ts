import { VoxhelmError } from '@voxhelm/contracts/errors';
import { readSettings, type Settings } from '@voxhelm/contracts/settings';

/** The settings of an orchestrator process, with what it cannot do without. */
export interface OrchestratorConfig {
  readonly settings: Settings;
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  /** Workflow tasks and activities at once in one process: database work, not computing. */
  readonly maxConcurrentActivities: number;
}

/** Reads the environment; throws `invalid-request` where the database is not named. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): OrchestratorConfig {
  const settings = readSettings(environment);
  if (settings.databaseUrl === undefined) {
    throw new VoxhelmError('invalid-request', 'DATABASE_URL is not set', {
      fix: 'Set DATABASE_URL to the PostgreSQL server, or use `voxhelm up`, which starts one and sets it.',
    });
  }
  return {
    settings,
    databaseUrl: settings.databaseUrl,
    temporalAddress: settings.temporalAddress ?? '127.0.0.1:7233',
    maxConcurrentActivities: 20,
  };
}
