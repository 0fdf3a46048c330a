import type { ErrorRecord } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import type { TrainingVolume } from '@voxhelm/imaging/patch-sampler';
import type { PreprocessedCase } from '@voxhelm/imaging/preprocess';
import type { LabelMap } from '@voxhelm/imaging/volume';

/** The files of one case. */
export interface CaseFiles {
  readonly caseId: string;
  readonly images: readonly string[];
  readonly label: string;
}

/** A batch of patches: image [b,x,y,z,c], class indices [b,x,y,z]. */
export interface Batch {
  readonly image: Float32Array;
  readonly classes: Uint8Array;
}

/** A validation case: the image in the plan's space, the truth on its own grid. */
export interface ValidationCase {
  readonly caseId: string;
  readonly image: PreprocessedCase;
  readonly truth: LabelMap;
}

/** What a loader thread can be asked. */
export type LoaderTask =
  | { readonly type: 'load-training'; readonly files: CaseFiles; readonly plan: Plan }
  | { readonly type: 'load-validation'; readonly files: CaseFiles; readonly plan: Plan }
  | {
      readonly type: 'volumes';
      readonly volumes: readonly TrainingVolume[];
      readonly plan: Plan;
      readonly seed: number;
    }
  | { readonly type: 'sample'; readonly step: number }
  /** Scores a prediction on the image's own grid (evaluateCase); answers CaseScores. */
  | {
      readonly type: 'score';
      readonly caseId: string;
      readonly prediction: LabelMap;
      readonly truth: LabelMap;
      readonly plan: Pick<Plan, 'labels' | 'labelGroups' | 'ignoreLabel'>;
      readonly toleranceMm: number;
    }
  /** Answers what the thread found in the cache so far (CacheCounts). */
  | { readonly type: 'cache-counts' };

export type LoaderRequest = { readonly id: number; readonly task: LoaderTask };
export type LoaderReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: ErrorRecord };
