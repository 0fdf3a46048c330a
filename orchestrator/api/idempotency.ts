import { createHash } from 'node:crypto';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { Prisma, type Transaction } from '@voxhelm/prisma/client';
import { z } from 'zod';
import { withStatus } from './errors.ts';

/** The header by which a client may send a request again without doing it twice. */
export const IdempotencyHeaders = z.object({ 'idempotency-key': z.string().min(1).max(200).optional() });

/** SHA-256 of a value as JSON with its keys in order, so that two ways of writing one request are one. */
export function requestSha256(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex');
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return value === undefined ? 'null' : JSON.stringify(value);
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(',')}}`;
}

/** Holds every other transaction that names the same thing until this one ends. */
export async function lockName(transaction: Transaction, name: string): Promise<void> {
  await transaction.$queryRaw(Prisma.sql`SELECT pg_advisory_xact_lock(hashtextextended(${name}, 0))::text`);
}

/** Throws `invalid-request` (422) where the key was used for another request. */
export function checkSameRequest(key: string, recorded: string | null, sha256: string): void {
  if (recorded === sha256) return;
  throw withStatus(
    422,
    new VoxhelmError('invalid-request', `the Idempotency-Key "${key}" was used for another request`, {
      fix: 'Use a new key for a new request.',
      details: { errors: [{ pointer: '/Idempotency-Key', message: 'was used with another body' }] },
    }),
  );
}
