import { z } from 'zod';
import { UploadedFile } from './api-predictions.ts';
import { Sha256 } from './artifact.ts';

/*
 * Labels and cases that are given to a dataset which is watched: they go into the dataset itself, and the schedule's next
 * look finds them. Files come by the upload's own way first (api-uploads.ts) and are named here by their SHA-256.
 */

/** The id of a case: its files' name without the ending. */
export const CaseId = z.string().regex(/^(?!\.)[\w.-]{1,200}$/, 'letters, digits, "_", "-" and ".", not "." at first');

const Note = z.string().max(1_000).optional();

/** A label map for a case of the dataset: of an unlabelled case its first, of any other in place of the one that it has. */
export const LabelGive = z
  .strictObject({
    label: UploadedFile,
    /** Comparison and test cases judge the models: their labels change only where this says that it is meant. */
    heldOut: z.boolean().default(false),
    /** Why, for the log. */
    note: Note,
  })
  .meta({ id: 'LabelGive' });
export type LabelGive = z.infer<typeof LabelGive>;

/** A case more: its images, one file a channel, with its label or to be labelled later. */
export const CaseAdd = z
  .strictObject({
    caseId: CaseId,
    images: z.array(UploadedFile).min(1).max(32),
    label: UploadedFile.optional(),
    note: Note,
  })
  .meta({ id: 'CaseAdd' });
export type CaseAdd = z.infer<typeof CaseAdd>;

/** What was done to a case. */
export const LabelChangeKind = z.enum(['case-added', 'label-added', 'label-corrected']);
export type LabelChangeKind = z.infer<typeof LabelChangeKind>;

/** What a case was to its dataset when it changed. */
export const ChangedRole = z.enum(['training', 'comparison', 'testing', 'unlabelled']);
export type ChangedRole = z.infer<typeof ChangedRole>;

/** An entry of the audit log of a dataset's labels. */
export const LabelChangeView = z
  .object({
    id: z.string(),
    caseId: z.string(),
    kind: LabelChangeKind,
    role: ChangedRole,
    /** Of the label from then on; null for a case without one. Its file is kept as `labelVersions/CASE/SHA256.nii.gz`. */
    sha256: Sha256.nullable(),
    /** Of the label that it replaced, which is kept in the same folder; null where there was none. */
    previousSha256: Sha256.nullable(),
    note: z.string().nullable(),
    by: z.string(),
    at: z.iso.datetime(),
  })
  .meta({ id: 'LabelChangeView' });
export type LabelChangeView = z.infer<typeof LabelChangeView>;

/** What came of giving a label or a case. `change` is null where the dataset had it already. */
export const LabelGiven = z
  .object({
    caseId: z.string(),
    /** One sentence: what the dataset has now. */
    message: z.string(),
    change: LabelChangeView.nullable(),
  })
  .meta({ id: 'LabelGiven' });
export type LabelGiven = z.infer<typeof LabelGiven>;
