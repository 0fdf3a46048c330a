import type { MapFolders } from './label-maps.ts';

/** What is scored, and from where: overlaps of maps in memory, the same with both files read, or with all distances in memory. */
export const PARTS = ['overlaps', 'files', 'distances'] as const;
export type Part = (typeof PARTS)[number];

/** What a measuring process is told; anchor/metrics.py reads the same. */
export interface MetricsSetting extends MapFolders {
  readonly file: string;
  readonly classes: number;
  readonly spacingMm: readonly [number, number, number];
  readonly toleranceMm: number;
  readonly parts: readonly Part[];
  /** How long each part is called again and again, beyond its first call. */
  readonly measureMs: number;
}

/** One part by one way of computing it. */
export interface MeasuredPart {
  readonly part: Part;
  /** Voxhelm, nnU-Net (by the type of its arrays), numpy, MONAI. */
  readonly by: string;
  /** The first call of the process. */
  readonly firstMs: number;
  /** Median of the calls after it; of itself where there was no time for more. */
  readonly ms: number;
  /** By metric, a number for each class, to see that all measured the same. */
  readonly scores: Readonly<Record<string, readonly (number | null)[]>>;
}
