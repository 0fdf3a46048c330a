import type { Plan } from '@voxhelm/contracts/plan';
import type { Engine, Precision } from '../step/configuration.ts';

/** What one measured prediction runs; the anchor's script reads the same object. */
export interface PredictConfiguration {
  readonly engine: Engine;
  readonly precision: Precision;
  readonly device: 'cpu' | 'cuda';
  readonly network: Plan['network'];
  readonly patch: readonly [number, number, number];
  readonly overlap: number;
  /** Sets of mirrored axes, one more pass each. */
  readonly flips: readonly (readonly number[])[];
  /** Windows computed at once, where the engine leaves that open. */
  readonly windowBatch: number;
  /** Memory format of the anchor's tensors. */
  readonly channelsLast: boolean;
  /** The ensemble bundle, which the product reads. */
  readonly bundle: string;
  /** The same weights as safetensors, which the anchor reads. */
  readonly weights: string;
  readonly input: string;
  readonly output: string;
}

/** What a measured process found. `seconds`: from loading the weights to the last file written, libraries loaded before. */
export interface MeasuredPrediction {
  readonly seconds: number;
  readonly voxels: number;
  readonly cases: number;
  readonly peakMb: number;
}
