import { testAlgorithm } from '../algorithm-contract.ts';
import { swinunetr } from './plan.ts';

testAlgorithm(swinunetr, {
  patchSize: [64, 32, 32],
  batchSize: 1,
  network: { depths: [1, 1, 1, 1], window_size: 4, mlp_ratio: 1 },
});
