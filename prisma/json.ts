import { VoxhelmError } from '@voxhelm/contracts/errors';
import { Prisma } from './client.ts';

/** As much of a zod schema as reading a column needs. */
interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: { message: string } };
}

/**
 * A JSON column's value, parsed by its schema of contracts/. Throws `internal` naming the column and the fields that are
 * wrong: a row that does not fit was written by another version or by hand.
 */
export function fromJson<T>(column: string, schema: Schema<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw new VoxhelmError('internal', `database column ${column} does not fit its schema: ${parsed.error.message}`);
  }
  return parsed.data;
}

/** As {@link fromJson}, for a column that may be null. */
export function fromJsonOrNull<T>(column: string, schema: Schema<T>, value: unknown): T | null {
  return value === null || value === undefined ? null : fromJson(column, schema, value);
}

/** A value for a JSON column; null becomes SQL's NULL. */
export function toJson(value: unknown): Prisma.InputJsonValue | typeof Prisma.DbNull {
  return value === null || value === undefined ? Prisma.DbNull : (value as Prisma.InputJsonValue);
}
