// `node --import tsx prisma/new-migration.mjs NAME`: writes a new migration with the SQL that leads from the committed
// schema.prisma to the one in the working tree. (Prisma would compare with what the migrations make of an empty database,
// but its engine cannot read a catalogue through @prisma/adapter-pg 7.9; prisma/migrate.test.ts does that comparison.)
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NO_FILTER, readDatamodel, readMigrations } from './migrate.ts';
import { withSchemaEngine } from './schema-engine.ts';
import { startTestPostgres } from './testing/postgres.ts';

const name = process.argv[2];
if (!name || !/^[a-z0-9_]+$/.test(name)) throw new Error('give the migration a name of a-z, 0-9 and _');
const folder = dirname(fileURLToPath(import.meta.url));
const schema = (content) => ({ tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content }] });
const datamodel = await readDatamodel();
const isFirst = (await readMigrations()).migrationDirectories.length === 0;
const from = isFirst
  ? { tag: 'empty' }
  : schema(execFileSync('git', ['show', 'HEAD:./schema.prisma'], { cwd: folder, encoding: 'utf8' }));
const postgres = await startTestPostgres();
try {
  const { stdout } = await withSchemaEngine(postgres.url, datamodel, (engine) =>
    engine.diff({ from, to: schema(datamodel), script: true, exitCode: null, filters: NO_FILTER }),
  );
  const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const migration = join(folder, 'migrations', `${stamp}_${name}`);
  await mkdir(migration);
  await writeFile(join(migration, 'migration.sql'), stdout ?? '');
  process.stdout.write(`${migration}\n`);
} finally {
  await postgres.stop();
}
