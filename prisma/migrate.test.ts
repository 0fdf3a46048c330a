import pg from 'pg';
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

test('the migrations make what schema.prisma says', async () => {
  const datamodel = await readDatamodel();
  const { stdout } = await withSchemaEngine(postgres.url, datamodel, (engine) =>
    engine.diff({
      from: { tag: 'empty' },
      to: { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content: datamodel }] },
      script: true,
      exitCode: null,
      filters: NO_FILTER,
    }),
  );
  await db.$executeRawUnsafe('CREATE DATABASE fresh');
  const fresh = new pg.Client({ connectionString: postgres.url.replace(/[^/]*$/, 'fresh') });
  await fresh.connect();
  await fresh.query(stdout ?? '');
  const catalogue = `
    SELECT table_name AS a, column_name AS b, data_type || is_nullable || coalesce(column_default, '') AS c
      FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_prisma_migrations'
    UNION ALL SELECT tablename, indexname, indexdef FROM pg_indexes
      WHERE schemaname = 'public' AND tablename <> '_prisma_migrations'
    UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'
    ORDER BY 1, 2, 3`;
  const wanted = (await fresh.query(catalogue)).rows;
  await fresh.end();
  expect(wanted.length).toBeGreaterThan(150);
  expect(await db.$queryRawUnsafe(catalogue)).toEqual(wanted);
});

test('ids sort by the time they were made', async () => {
  expect(newId('run', 1_700_000_000_000) < newId('run', 1_700_000_000_001)).toBe(true);
  const id = newId('ds');
  await db.dataset.create({ data: { id, name: 'a', path: '/a' } });
  expect(await db.dataset.findUniqueOrThrow({ where: { id } })).toMatchObject({ state: 'checking' });
});
