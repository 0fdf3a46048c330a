import { testAlgorithm } from '../algorithm-contract.ts';
import { segresnet } from './plan.ts';

testAlgorithm(segresnet, {
  patchSize: [16, 16, 16],
  batchSize: 1,
  network: { init_filters: 4, blocks_down: [1, 1, 1] },
});
