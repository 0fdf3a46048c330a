import { PrismaPg } from '@prisma/adapter-pg';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { Prisma, PrismaClient } from './generated/client.ts';

/** The database: one connection pool. Close it with `$disconnect()`. */
export type Database = PrismaClient;

/** A running transaction, or the database itself: what functions take that may be part of a larger transaction. */
export type Transaction = Omit<PrismaClient, '$connect' | '$disconnect' | '$on' | '$transaction' | '$extends' | '$use'>;

/** SQL fragments and types of rows, for whoever needs more than the client's methods. */
export { Prisma };

/**
 * Opens the database at `postgresql://...`. Connections are made when they are needed, so this never fails by itself;
 * a query that finds no server within 5 s rejects.
 */
export function openDatabase(url: string, options: { readonly connections?: number } = {}): Database {
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw new VoxhelmError('invalid-request', `DATABASE_URL must start with postgresql://`, {
      fix: 'Set DATABASE_URL to postgresql://user:password@host:port/database, or unset it to use the embedded server.',
    });
  }
  const adapter = new PrismaPg({
    connectionString: url,
    max: options.connections ?? 10,
    connectionTimeoutMillis: 5_000,
    // A connection that lost its server while idle is replaced, not handed out.
    keepAlive: true,
  });
  return new PrismaClient({
    adapter,
    // Thrown errors carry everything; the client itself must not write to the console.
    log: [],
    transactionOptions: { maxWait: 10_000, timeout: 30_000 },
  });
}
