import { z } from 'zod';
import { Sha256 } from './artifact.ts';

/*
 * Trying a run's ensemble out on a trainer, and sending corrected masks back to the dataset. Files come by the upload's own
 * way first (api-uploads.ts) and are named here by their SHA-256.
 */

/** A file that was uploaded before. */
export const UploadedFile = z.strictObject({
  name: z.string().min(1).max(300),
  sha256: Sha256,
  bytes: z.number().int().nonnegative(),
});
export type UploadedFile = z.infer<typeof UploadedFile>;

/** Asks a trainer to segment an image: one NIfTI file, or one for each channel in the order of training. */
export const PredictionCreate = z
  .strictObject({ images: z.array(UploadedFile).min(1).max(32) })
  .meta({ id: 'PredictionCreate' });
export type PredictionCreate = z.infer<typeof PredictionCreate>;

/** A prediction on a trainer. `href`: the label map (NIfTI), when it is done. */
export const PredictionView = z
  .object({
    id: z.string(),
    state: z.enum(['waiting', 'running', 'completed', 'failed']),
    /** One sentence: what it waits for, or why it failed. */
    message: z.string(),
    href: z.string().nullable(),
  })
  .meta({ id: 'PredictionView' });
export type PredictionView = z.infer<typeof PredictionView>;

/**
 * A corrected label map for a case of the dataset, or a new case with its images. The answer is a new dataset with the old
 * one's cases and this change: what was trained on stays as it was.
 */
export const CorrectionCreate = z
  .strictObject({
    caseId: z.string().regex(/^[\w.-]{1,200}$/, 'letters, digits, ".", "_" and "-"'),
    label: UploadedFile,
    /** Of a case that the dataset does not have yet, one file a channel. */
    images: z.array(UploadedFile).min(1).max(32).optional(),
  })
  .meta({ id: 'CorrectionCreate' });
export type CorrectionCreate = z.infer<typeof CorrectionCreate>;
