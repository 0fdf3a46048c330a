import type { PredictJob } from '@voxhelm/contracts/jobs';
import { predictImage } from './proxies.ts';

/** Segments one image on a trainer. Its result lies in the artifact store; why it failed, in the workflow's own failure. */
export async function predictionWorkflow(job: PredictJob): Promise<void> {
  await predictImage(job);
}
