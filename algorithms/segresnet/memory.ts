import type { Plan } from '@voxhelm/contracts/plan';
import { type MeasuredNetwork, type MemoryModel, modelOf, numberIn } from '../memory-model.ts';

/*
 * MB, 25 November 2026; `npm run bench -- train-step --engine compiled --precision float32 --network 'SegResNet 16'`, for the
 * first step alone with `--measure-ms 0 --options '{"init_filters": 32}' --patch 48x48x48 --batch 1`.
 *
 *   16 filters   48^3 322   twice 48^3 477   64^3 499   96^3 1,340   (later steps; the first of 48^3: 278)
 *   32 filters   48^3 733   64^3 1,060       (first steps; the model says 840 and 1,226)
 *
 * With `--recompute none,blocks` and 16 filters, first steps: 64^3 423 and 352, 96^3 1,107 and 863, so a quarter less a voxel.
 */
const MEASURED: MeasuredNetwork = {
  ...{ width: 16, programMb: 48, weightsMb: 125 },
  ...{ bytesPerVoxel: 1_320, recomputedBytesPerVoxel: 990 },
};

/** The memory of a SegResNet plan's training. */
export function segresnetMemory({ network: { options }, labels }: Plan): MemoryModel {
  return modelOf(MEASURED, { width: numberIn(options, 'init_filters', 32) }, labels.length);
}
