/** What is to be segmented: NIfTI files, one for each channel or one for all, and the bundle's bytes. */
export interface PredictRequest {
  readonly bundle: Blob;
  readonly images: readonly { readonly name: string; readonly blob: Blob }[];
}

/** A prediction, on the image's own grid. */
export interface Prediction {
  /** NIfTI, gzipped. */
  readonly label: Blob;
  /** Entropy over members and mirrored views, as a share of its largest value; NIfTI. */
  readonly uncertainty: Blob;
  readonly volumesMl: readonly { readonly value: number; readonly volumeMl: number }[];
  readonly elapsedMs: number;
  readonly computedOn: string;
}

/** The worker's answers. */
export type PredictAnswer =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number; readonly computedOn: string }
  | { readonly kind: 'done'; readonly prediction: Prediction }
  | { readonly kind: 'failed'; readonly message: string; readonly fix: string | null };
