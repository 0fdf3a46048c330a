import { z } from 'zod';
import { DatasetCreate } from './api.ts';
import { Sha256 } from './artifact.ts';

/*
 * Uploading a dataset file by file: what the server has already (by SHA-256) is not sent again, the rest comes in chunks
 * (tus 1.0) that survive a broken connection.
 */

/** A file of the dataset: its path below the dataset's root, with forward slashes. */
export const UploadFile = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(1_000)
    .regex(/^(?!\/)(?!.*(^|\/)\.{1,2}(\/|$))[^\\\0]+$/, 'a path below the dataset, without ".."'),
  bytes: z.number().int().nonnegative(),
  sha256: Sha256,
});
export type UploadFile = z.infer<typeof UploadFile>;

/** Begins an upload. `choices` says in words what the user had changed before sending; it is kept with the dataset. */
export const UploadCreate = z
  .strictObject({
    ...DatasetCreate.omit({ path: true }).shape,
    name: z.string().min(1).max(200),
    files: z.array(UploadFile).min(1).max(500_000),
    choices: z.array(z.string().max(2_000)).max(100_000).default([]),
  })
  .meta({ id: 'UploadCreate' });
export type UploadCreate = z.infer<typeof UploadCreate>;

/** An upload, and what of it the server has not got yet. Send that to `href` by tus, with `sha256` as metadata. */
export const UploadView = z
  .object({
    id: z.string(),
    href: z.string(),
    missing: z.array(z.object({ sha256: Sha256, bytes: z.number().int() })),
  })
  .meta({ id: 'UploadView' });
export type UploadView = z.infer<typeof UploadView>;
