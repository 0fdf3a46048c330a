import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from './client.ts';
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

test('connections that the server dropped while idle are replaced', async () => {
  await Promise.all(Array.from({ length: 4 }, () => db.$queryRaw`SELECT pg_sleep(0.05)::text`));
  const other = new pg.Client({ connectionString: postgres.url });
  await other.connect();
  await other.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
  await other.end();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await db.$queryRaw`SELECT 1 AS one`).toEqual([{ one: 1 }]);
});

test('an address that is none is refused with what to write', () => {
  expect(() => openDatabase('mysql://localhost/x')).toThrow(/postgresql:\/\//);
});
