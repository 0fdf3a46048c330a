import { z } from 'zod';

/** One, several ("a,b") or repeated values of a query parameter. */
export function listOf<S extends z.ZodType<unknown, string>>(item: S) {
  return z
    .union([z.string(), z.array(z.string())])
    .transform((given) => [given].flat().flatMap((each) => each.split(',')))
    .pipe(z.array(item));
}
