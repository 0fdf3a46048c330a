import { z } from 'zod';
import { fieldError } from './errors.ts';

/** The form of every page: `nextCursor` is null on the last one. */
export function pageOf<S extends z.ZodType>(item: S) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

/** An opaque cursor after the row with this key. Ids sort by when they were made, so a page never repeats or skips a row. */
export function cursorAfter(key: string): string {
  return Buffer.from(key, 'utf8').toString('base64url');
}

/** The key in a cursor; throws `invalid-request` at /cursor for one that no page gave. */
export function keyOf(cursor: string | undefined, pattern = /^[a-z]+_[0-9a-z]+$/): string | undefined {
  if (cursor === undefined) return undefined;
  const key = Buffer.from(cursor, 'base64url').toString('utf8');
  if (!pattern.test(key))
    throw fieldError('/cursor', 'is no cursor of this service', {
      fix: 'Pass the last page\'s "nextCursor" as it is.',
    });
  return key;
}

/** Cuts `limit + 1` rows to a page. */
export function page<Row, Item>(
  rows: readonly Row[],
  limit: number,
  keyOfRow: (row: Row) => string,
  view: (row: Row) => Item,
): { items: Item[]; nextCursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(view),
    nextCursor: rows.length > limit && last !== undefined ? cursorAfter(keyOfRow(last)) : null,
  };
}
