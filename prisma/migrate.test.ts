import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from './client.ts';
import { newId } from './ids.ts';
import { migrate, NO_FILTER, readDatamodel, readMigrations } from './migrate.ts';
import { withSchemaEngine } from './schema-engine.ts';
import { startTestPostgres, type TestPostgres } from './testing/postgres.ts';

let postgres: TestPostgres;
let db: Database;

beforeAll(async () => {
  postgres = await startTestPostgres();
  db = openDatabase(postgres.url);
});

afterAll(async () => {
  await db.$disconnect();
  await postgres.stop();
});

test('two processes that migrate at once bring an empty database to the schema, once', async () => {
  const applied = await Promise.all([migrate(postgres.url), migrate(postgres.url)]);
  const names = (await readMigrations()).migrationDirectories.map((directory) => directory.path);
  expect(applied.flat()).toEqual(names);
  expect(await migrate(postgres.url)).toEqual([]);
});

test('the migrations say the same as schema.prisma', async () => {
  const [datamodel, migrations] = await Promise.all([readDatamodel(), readMigrations()]);
  // The engine plays the migrations on an empty database and compares what came out.
  await db.$executeRawUnsafe('CREATE DATABASE shadow');
  const shadow = postgres.url.replace(/[^/]*$/, 'shadow');
  const difference = await withSchemaEngine(shadow, datamodel, (engine) =>
    engine.diff({
      from: { tag: 'migrations', ...migrations },
      to: { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content: datamodel }] },
      script: true,
      exitCode: true,
      filters: NO_FILTER,
    }),
  );
  expect(difference.stdout).toContain('empty migration');
});

test('ids sort by the time they were made', async () => {
  expect(newId('run', 1_700_000_000_000) < newId('run', 1_700_000_000_001)).toBe(true);
  const id = newId('ds');
  await db.dataset.create({ data: { id, name: 'a', path: '/a' } });
  expect(await db.dataset.findUniqueOrThrow({ where: { id } })).toMatchObject({ state: 'checking' });
});
