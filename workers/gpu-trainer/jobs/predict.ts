import type { PredictJob, PredictResult } from '@voxhelm/contracts/jobs';
import { readBundle } from '@voxhelm/ensembler/bundle-read';
import { loadEnsemble } from '@voxhelm/ensembler/ensemble-predictor';
import { readImage } from '@voxhelm/imaging/nifti';
import { encodeNifti } from '@voxhelm/imaging/nifti-write';
import { type JobContext, residentMemoryMb } from './context.ts';

/** Segments one image by an ensemble bundle and leaves the label map in the artifact store. */
export async function predict(job: PredictJob, { store, progress }: JobContext): Promise<PredictResult> {
  progress({ phase: 'loading', memoryMb: residentMemoryMb() });
  const { manifest, weights } = await readBundle(await store.localPath(job.bundle));
  const paths: string[] = [];
  for (const image of job.images) paths.push(await store.localPath(image));
  const image = await readImage(paths);
  const models = manifest.members.map(({ plan }, index) => ({ plan, weights: weights[index] as Uint8Array }));
  const ensemble = loadEnsemble(models, manifest.fusion, manifest.labels);
  try {
    progress({ phase: 'predicting', memoryMb: residentMemoryMb() });
    return { label: await store.write(job.labelKey, encodeNifti(await ensemble.predict(image), true)) };
  } finally {
    ensemble.dispose();
  }
}
