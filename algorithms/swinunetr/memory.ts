import type { Plan } from '@voxhelm/contracts/plan';
import { type MeasuredNetwork, type MemoryModel, modelOf, numberIn } from '../memory-model.ts';

/*
 * MB of first steps, 25 November 2026; `npm run bench -- train-step --engine compiled --precision float32 --measure-ms 0
 * --network 'SwinUNETR 24' --options '{"feature_size": 12}' --patch 64x64x64 --batch 1`.
 *
 *   12 features   64^3 751   twice 64^3 1,114   96 x 64 x 64 927
 *   24 features   64^3 1,328
 *
 * `training.recompute` saves next to nothing (12 features at 64^3: 697 and 692 MB), for attention keeps no maps as it is.
 */
const MEASURED: MeasuredNetwork = { width: 12, programMb: 333, weightsMb: 117, bytesPerVoxel: 1_610 };

/** The memory of a SwinUNETR plan's training. */
export function swinunetrMemory({ network: { options }, labels }: Plan): MemoryModel {
  return modelOf(MEASURED, { width: numberIn(options, 'feature_size', 24) }, labels.length);
}
