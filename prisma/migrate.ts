import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MigrationList } from '@prisma/schema-engine-wasm';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import pg from 'pg';
import { withSchemaEngine } from './schema-engine.ts';

const FOLDER = dirname(fileURLToPath(import.meta.url));

/** Any number; it keeps two processes that start at once from migrating at once. */
const MIGRATION_LOCK = 0x766f_7868;

/** No table or enum of the database is anybody else's. */
export const NO_FILTER = { externalTables: [], externalEnums: [] };

/** Reads schema.prisma. */
export function readDatamodel(): Promise<string> {
  return readFile(join(FOLDER, 'schema.prisma'), 'utf8');
}

/** Reads prisma/migrations as the schema engine wants it. */
export async function readMigrations(): Promise<MigrationList> {
  const baseDir = join(FOLDER, 'migrations');
  const entries = await readdir(baseDir, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return {
    baseDir,
    lockfile: { path: 'migration_lock.toml', content: await readFile(join(baseDir, 'migration_lock.toml'), 'utf8') },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(
      names.sort().map(async (name) => ({
        path: name,
        migrationFile: {
          path: 'migration.sql',
          content: { tag: 'ok' as const, value: await readFile(join(baseDir, name, 'migration.sql'), 'utf8') },
        },
      })),
    ),
  };
}

/**
 * Brings a database to the current schema and returns the names of the migrations that were applied (none where it is
 * current). Safe to call from several processes at once. The same as `prisma migrate deploy`.
 */
export async function migrate(databaseUrl: string): Promise<string[]> {
  const lock = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  await lock.connect();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const migrationsList = await readMigrations();
    return await withSchemaEngine(databaseUrl, await readDatamodel(), async (engine) => {
      const result = await engine.applyMigrations({ migrationsList, filters: NO_FILTER });
      return result.appliedMigrationNames;
    });
  } catch (error) {
    throw new VoxhelmError('internal', `the database could not be migrated: ${reasonOf(error)}`, {
      cause: error,
      fix: 'Look at the table _prisma_migrations and at prisma/migrations; restore a backup where one failed half way.',
    });
  } finally {
    await lock.end();
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
