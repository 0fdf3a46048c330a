// `node --import tsx prisma/new-migration.mjs NAME`: writes the SQL from the migrations so far to schema.prisma as a new
// migration, on a PostgreSQL of its own.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NO_FILTER, readDatamodel, readMigrations } from './migrate.ts';
import { withSchemaEngine } from './schema-engine.ts';
import { startTestPostgres } from './testing/postgres.ts';

const name = process.argv[2];
if (!name || !/^[a-z0-9_]+$/.test(name)) throw new Error('give the migration a name of a-z, 0-9 and _');
const postgres = await startTestPostgres();
try {
  const datamodel = await readDatamodel();
  const list = await readMigrations();
  const { stdout } = await withSchemaEngine(postgres.url, datamodel, (engine) =>
    engine.diff({
      from: list.migrationDirectories.length > 0 ? { tag: 'migrations', ...list } : { tag: 'empty' },
      to: { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content: datamodel }] },
      script: true,
      exitCode: null,
      filters: NO_FILTER,
    }),
  );
  const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const folder = join(dirname(fileURLToPath(import.meta.url)), 'migrations', `${stamp}_${name}`);
  await mkdir(folder);
  await writeFile(join(folder, 'migration.sql'), stdout ?? '');
  process.stdout.write(`${folder}\n`);
} finally {
  await postgres.stop();
}
