import { testAlgorithm } from '../algorithm-contract.ts';
import { unet } from './plan.ts';

testAlgorithm(unet, { patchSize: [16, 16, 16], batchSize: 1, network: { features_per_stage: [8, 16, 32] } });
