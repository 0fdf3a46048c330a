import type { EnsembleJob, EnsembleJobResult } from '@voxhelm/contracts/jobs';
import { buildEnsemble } from '@voxhelm/ensembler/build-ensemble';
import { type JobContext, residentMemoryMb } from './context.ts';

/** Chooses the ensemble, scores it on the test cases and writes the ensemble bundle. */
export function ensemble(job: EnsembleJob, context: JobContext): Promise<EnsembleJobResult> {
  return buildEnsemble(job, context.store, {
    signal: context.signal,
    onProgress: ({ phase, done, total }) => context.progress({ phase, done, total, memoryMb: residentMemoryMb() }),
  });
}
