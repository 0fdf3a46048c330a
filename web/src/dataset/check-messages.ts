import type { AnalysisSummary } from '@voxhelm/contracts/analysis';
import type { Datalist, DatasetCheck } from '@voxhelm/contracts/dataset';
import type { DroppedFile } from './node/files.ts';

/** What the page asks of the check's worker. */
export type CheckRequest =
  | {
      readonly kind: 'check';
      readonly files: readonly DroppedFile[];
      /** What the dataset is called where none of its files says so. */
      readonly name: string | null;
    }
  /** Writes a label anew, by a repair that the user chose. */
  | { readonly kind: 'repair'; readonly repair: Repair };

/** A repair of one case that the user chose; recorded with the dataset. Paths are below the dataset's root. */
export type Repair =
  | { readonly action: 'resample-label'; readonly caseId: string; readonly image: string; readonly label: string }
  | { readonly action: 'take-image-affine'; readonly caseId: string; readonly image: string; readonly label: string }
  | {
      readonly action: 'map-values';
      readonly caseId: string;
      readonly label: string;
      /** Old value to new. */
      readonly values: Readonly<Record<string, number>>;
    };

/** What the worker answers. */
export type CheckAnswer =
  | { readonly kind: 'datalist'; readonly datalist: Datalist }
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | {
      readonly kind: 'checked';
      readonly check: DatasetCheck;
      readonly summary: AnalysisSummary | null;
      readonly elapsedMs: number;
    }
  | { readonly kind: 'hash'; readonly path: string; readonly sha256: string }
  | { readonly kind: 'hashed' }
  | { readonly kind: 'repaired'; readonly path: string; readonly file: Blob }
  | { readonly kind: 'refused'; readonly message: string; readonly fix: string | null };
