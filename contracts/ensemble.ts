import { z } from 'zod';
import { ArtifactRef, Sha256 } from './artifact.ts';
import { LabelDefinition, Modality } from './dataset.ts';
import { Evaluation } from './evaluation.ts';
import { Plan } from './plan.ts';

/** How members' predictions become one. */
export const FusionMode = z.enum(['mean', 'vote']);
export type FusionMode = z.infer<typeof FusionMode>;

/** A rule by which the ensemble's members were chosen; `diverse`: the best of each fold and of each other algorithm. */
export const SelectionRule = z.enum(['best-n', 'best-per-fold', 'diverse']);
export type SelectionRule = z.infer<typeof SelectionRule>;

/** How the ensemble predicts: chosen on validation predictions alone. */
export const FusionPlan = z.object({
  mode: FusionMode,
  /** Axes combinations mirrored at test time besides the image as it is; [] for none. Axes of the plan's space. */
  flips: z.array(z.array(z.number().int().min(0).max(2))),
  /** Label values of which only the largest component (26-connected) is kept. */
  largestComponent: z.array(z.number().int().positive()),
});
export type FusionPlan = z.infer<typeof FusionPlan>;

/** One candidate ensemble and what validation said of it. */
export const EnsembleCandidate = z.object({
  rule: SelectionRule,
  n: z.number().int().positive(),
  fusion: FusionPlan,
  trialIds: z.array(z.string()),
  /** Mean Dice over validation cases, each predicted only by members that did not train on it. */
  validationDice: z.number().nullable(),
  validationCases: z.number().int().nonnegative(),
});
export type EnsembleCandidate = z.infer<typeof EnsembleCandidate>;

/** The ensemble that was chosen, with the candidates it was chosen from. */
export const EnsemblePlan = z
  .object({ schemaVersion: z.literal(1), chosen: EnsembleCandidate, candidates: z.array(EnsembleCandidate) })
  .meta({ id: 'EnsemblePlan' });
export type EnsemblePlan = z.infer<typeof EnsemblePlan>;

/** A file of the ensemble bundle. */
export const BundleFile = z.object({ path: z.string().min(1), sha256: Sha256, bytes: z.number().int().nonnegative() });

/** One member of an ensemble bundle. */
export const BundleMember = z.object({
  trialId: z.string(),
  algorithm: z.string(),
  fold: z.number().int().nonnegative(),
  step: z.number().int().nonnegative(),
  validationDice: z.number().nullable(),
  weights: z.string().min(1),
  plan: Plan,
});
export type BundleMember = z.infer<typeof BundleMember>;

/** manifest.json of an ensemble bundle. Every other file of the zip is listed in `files`; no file beside them is accepted. */
export const BundleManifest = z
  .strictObject({
    schemaVersion: z.literal(1),
    kind: z.literal('voxhelm-ensemble-bundle'),
    name: z.string(),
    createdAt: z.string(),
    labels: z.array(LabelDefinition).min(2),
    modalities: z.array(Modality).min(1),
    datasetFingerprint: Sha256,
    members: z.array(BundleMember).min(1),
    fusion: FusionPlan,
    ensemble: EnsemblePlan,
    /** Scores on the test cases, where there were any with labels. */
    test: Evaluation.nullable(),
    seed: z.number().int(),
    versions: z.record(z.string(), z.string()),
    files: z.array(BundleFile),
    /** SHA-256 of manifest.json's own text with these 64 digits set to 0; a bundle without it is refused. */
    sha256: Sha256.optional(),
  })
  .meta({ id: 'BundleManifest' });
export type BundleManifest = z.infer<typeof BundleManifest>;

/** What the ensemble job hands back. */
export const EnsembleResult = z.object({
  plan: EnsemblePlan,
  test: Evaluation.nullable(),
  bundle: ArtifactRef,
  report: ArtifactRef,
});
export type EnsembleResult = z.infer<typeof EnsembleResult>;
