import type { Plan } from '@voxhelm/contracts/plan';
import { type MeasuredNetwork, type MemoryModel, modelOf } from '../memory-model.ts';

/*
 * MB of first steps, 25 November 2026; `npm run bench -- train-step --engine compiled --precision float32 --measure-ms 0
 * --network 'nnU-Net plain' --options '{"features_per_stage": [16, 32, 64, 128]}' --patch 48x48x48 --batch 1`.
 *
 *   16 features   48^3 240   twice 48^3 357   twice 64^3 712
 *   32 features   48^3 446
 *
 * With `--recompute none,blocks` and 16 features: 64^3 380 and 275, so four ninths less a voxel.
 */
const MEASURED: MeasuredNetwork = {
  ...{ width: 16, programMb: 100, weightsMb: 41 },
  ...{ bytesPerVoxel: 1_210, recomputedBytesPerVoxel: 680 },
};
const NNUNET_WIDTH = 32;

/** The memory of a U-Net plan's training. */
export function unetMemory({ network: { options }, labels }: Plan): MemoryModel {
  const features = options['features_per_stage'];
  const first: unknown = Array.isArray(features) ? features[0] : features;
  const width = typeof first === 'number' && first > 0 ? first : NNUNET_WIDTH;
  return modelOf(MEASURED, { width }, labels.length);
}
