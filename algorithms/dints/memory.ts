import type { Plan } from '@voxhelm/contracts/plan';
import { searchingPlan } from '../found-architecture.ts';
import { type MeasuredNetwork, type MemoryModel, modelOf, numberIn } from '../memory-model.ts';

/*
 * MB of first steps, 25 November 2026; `npm run bench -- train-step --engine compiled --precision float32 --measure-ms 0`, of 4
 * blocks and 3 depths: --network 'DiNTS found' and 'DiNTS supernet' with the options of a plan for a CPU.
 *
 *   trained, channels 0.25    48^3 192   twice 48^3 267   64^3 296   channels 0.5: 48^3 278
 *   supernet, channels 0.125  48^3 486   32 x 48 x 32 407            channels 0.25: 32 x 48 x 32 482
 *
 * `training.recompute` does nothing for the search, and of a trained network (12 blocks, 4 depths, all channels) at 48^3 nothing
 * (1,819 and 1,824 MB), at 64^3 a tenth (2,089 and 1,875).
 */
const MEASURED: MeasuredNetwork = { width: 0.25, programMb: 114, weightsMb: 22, bytesPerVoxel: 750 };
const MEASURED_SEARCH: MeasuredNetwork = { width: 0.125, programMb: 375, weightsMb: 24, bytesPerVoxel: 1_490 };
const MEASURED_BLOCKS = 4;
const MEASURED_DEPTHS = 3;

/** The memory of a DiNTS plan's training: the larger of it and of the search ahead of it. */
export function dintsMemory(plan: Plan): MemoryModel {
  const { network, labels, architectureSearch: search } = plan;
  const deeper = numberIn(network.options, 'num_blocks', 12) / MEASURED_BLOCKS;
  // The deepest cells have twice the channels of those above them, and nearly all weights.
  const heavier = 4 ** (numberIn(network.options, 'num_depths', 4) - MEASURED_DEPTHS);
  const size = (width: number) => ({ width, deeper, heavier });
  const trained = modelOf(MEASURED, size(numberIn(network.options, 'channel_mul', 1)), labels.length);
  if (search === undefined) return trained;
  const searched = modelOf(MEASURED_SEARCH, size(search.channelMultiplier), labels.length);
  const share = searchingPlan(plan).batchSize / plan.batchSize;
  return {
    fixedMb: Math.max(trained.fixedMb, searched.fixedMb),
    bytesPerVoxel: Math.max(trained.bytesPerVoxel, share * searched.bytesPerVoxel),
  };
}
