import type { CaseScores } from '@voxhelm/contracts/evaluation';

/** What is measured of a case in the browser: all blobs are NIfTI as the server sent them. */
export interface CaseRequest {
  readonly caseId: string;
  readonly labels: readonly number[];
  readonly prediction: Blob;
  readonly truth: Blob | null;
  /** Class probabilities of the model (safetensors, one byte a value). */
  readonly probabilities: Blob | null;
}

/** Scores beyond Dice, volumes, and the maps that are drawn. */
export interface CaseMeasures {
  readonly scores: CaseScores | null;
  /** Millilitres by label value. */
  readonly volumesMl: readonly { readonly value: number; readonly predicted: number; readonly truth: number | null }[];
  /** 1 only predicted, 2 missed, 3 another class. */
  readonly disagreement: Blob | null;
  /** Entropy of the class probabilities as a share of its largest value. */
  readonly uncertainty: Blob | null;
}

/** The worker's answer. */
export type CaseAnswer = { readonly measures: CaseMeasures } | { readonly failed: string; readonly fix: string | null };
