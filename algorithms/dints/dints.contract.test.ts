import { testAlgorithm } from '../algorithm-contract.ts';
import { dints } from './plan.ts';

testAlgorithm(dints, {
  patchSize: [16, 16, 16],
  batchSize: 1,
  network: { num_blocks: 2, num_depths: 2, channel_mul: 0.25 },
});
