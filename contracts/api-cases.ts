import { z } from 'zod';
import { LabelDefinition } from './dataset.ts';
import { CaseScores } from './evaluation.ts';

/*
 * A run's cases with what each model makes of them.
 */

/** A model that predicted cases: a trial by its id, or "ensemble". */
export const CaseModel = z.object({
  id: z.string(),
  name: z.string(),
  /** Trial's number from 0; null for the ensemble. */
  number: z.number().int().nullable(),
});
export type CaseModel = z.infer<typeof CaseModel>;

/** A model's scores of a case, and whether its class probabilities were kept. */
export const CaseResult = z.object({ model: z.string(), scores: CaseScores, probabilities: z.boolean() });
export type CaseResult = z.infer<typeof CaseResult>;

/** A case of a run. A trial scores the validation cases of its fold, the ensemble the test cases. */
export const RunCase = z.object({
  caseId: z.string(),
  role: z.enum(['training', 'testing']),
  channels: z.number().int(),
  labelled: z.boolean(),
  shape: z.array(z.number()).nullable(),
  spacingMm: z.array(z.number()).nullable(),
  results: z.array(CaseResult),
});
export type RunCase = z.infer<typeof RunCase>;

/** All cases of a run. */
export const RunCases = z
  .object({ labels: z.array(LabelDefinition), models: z.array(CaseModel), cases: z.array(RunCase) })
  .meta({ id: 'RunCases' });
export type RunCases = z.infer<typeof RunCases>;
