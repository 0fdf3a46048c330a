import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '@voxhelm/prisma/client';
import { startTestPostgres } from '@voxhelm/prisma/testing/postgres';
import { expect, test } from 'vitest';
import { isDatabaseAway } from './errors.ts';

/*
 * A client that asks while PostgreSQL dies must hear 503 and try again, never 500: a `voxhelm watch` that got one ended
 * with an error although its run went on.
 */

test('whatever the client throws while PostgreSQL is killed and starts again says that the database is away', async () => {
  const postgres = await startTestPostgres();
  const database = openDatabase(postgres.url);
  let done = false;
  let answered = 0;
  const faults: unknown[] = [];
  const ask = async (one: () => Promise<unknown>): Promise<void> => {
    while (!done) {
      try {
        await one();
        answered += 1;
      } catch (error) {
        faults.push(error);
        await sleep(2);
      }
    }
  };
  const query = () => database.$queryRaw`SELECT pg_sleep(0.01)::text`;
  const transaction = () =>
    database.$transaction(async (inside) => {
      await inside.$queryRaw`SELECT 1 AS one`;
      await inside.$queryRaw`SELECT pg_sleep(0.01)::text`;
    });
  const clients = Array.from({ length: 8 }, (_, index) => ask(index % 2 === 0 ? query : transaction));
  try {
    for (let round = 0; round < 3; round += 1) {
      await sleep(300);
      await postgres.killAndRestart();
    }
    await sleep(300);
  } finally {
    done = true;
    await Promise.all(clients);
    await database.$disconnect();
    await postgres.stop();
  }
  expect(answered).toBeGreaterThan(0);
  expect(faults.length).toBeGreaterThan(0);
  const unknown = faults.filter((error) => !isDatabaseAway(error)).map((error) => String(error).replace(/\s+/g, ' '));
  expect([...new Set(unknown)]).toEqual([]);
}, 60_000);
