import { type SuggestJob, type SuggestResult, TrainingCase } from '@voxhelm/contracts/jobs';
import { mapKeyUnder, SUGGESTION_MAPS } from '@voxhelm/contracts/suggestion-maps';
import { intensityPart, intensityStatistics } from '@voxhelm/imaging/analysis/intensity-statistics';
import { encodeNifti, readImage } from '@voxhelm/imaging/nifti';
import { spacingOf, type Volume, voxelCount } from '@voxhelm/imaging/volume';
import { type ArtifactStore, readJson } from '@voxhelm/storage/artifact-store';
import { z } from 'zod';
import { readBundle } from './bundle-read.ts';
import { disposeModels, loadModels } from './ensemble-predictor.ts';
import { entropyMap } from './entropy-map.ts';
import { imageGroups } from './image-groups.ts';
import { orderToLabel, type UncertainCase } from './select-next.ts';
import { type Uncertainty, uncertaintyOf } from './uncertainty.ts';
import type { Watch } from './validation.ts';

/** Labelled images that are read to know what is there already; more tell nothing new. */
const MOST_LABELLED = 200;

/** Cases whose prediction and entropy are kept to be looked at: a list to label from is short, and maps are large. */
const MOST_MAPS = 20;

/** Says which unlabelled cases to label next; see {@link orderToLabel}. Throws `bad-bundle`, `bad-image`. */
export async function suggestCases(job: SuggestJob, store: ArtifactStore, watch: Watch): Promise<SuggestResult> {
  const { manifest, weights } = await readBundle(await store.localPath(job.bundle));
  const unlabelled = await readJson(store, job.cases, z.array(TrainingCase));
  const labelled = (await readJson(store, job.labelled, z.array(TrainingCase))).slice(0, MOST_LABELLED);
  const total = unlabelled.length + labelled.length;
  const features: number[][] = [];
  for (const [index, { images }] of labelled.entries()) {
    watch.step(index, total);
    features.push(imageFeatures(await readImage(images)));
  }
  const models = loadModels(
    manifest.members.map(({ plan }, index) => ({ plan, weights: weights[index] as Uint8Array })),
  );
  const cases: UncertainCase[] = [];
  try {
    const read = ({ images }: TrainingCase) => {
      watch.step(labelled.length + cases.length, total);
      return readImage(images);
    };
    for await (const group of imageGroups(unlabelled, read, models)) {
      const unsure = await uncertaintyOf(
        models,
        group.map(({ prepared }) => prepared),
      );
      for (const [index, { item, prepared }] of group.entries()) {
        const { uncertainty, disagreement, maps } = unsure[index] as Uncertainty;
        const features = imageFeatures(prepared.image);
        cases.push({ caseId: item.caseId, uncertainty, disagreement, features });
        if (job.artifactPrefix !== undefined) await writeMaps(store, job.artifactPrefix, item.caseId, maps());
      }
    }
  } finally {
    disposeModels(models);
  }
  const order = orderToLabel(cases, features);
  if (job.artifactPrefix === undefined) return { cases: order.map((one) => ({ ...one, maps: false })) };
  for (const { caseId } of order.slice(MOST_MAPS)) {
    for (const map of SUGGESTION_MAPS) await store.remove(mapKeyUnder(job.artifactPrefix, caseId, map));
  }
  return { cases: order.map((one, index) => ({ ...one, maps: index < MOST_MAPS })) };
}

async function writeMaps(
  store: ArtifactStore,
  prefix: string,
  caseId: string,
  { labels, entropy }: ReturnType<Uncertainty['maps']>,
): Promise<void> {
  await store.write(mapKeyUnder(prefix, caseId, 'prediction'), encodeNifti(labels, true));
  await store.write(mapKeyUnder(prefix, caseId, 'entropy'), entropyMap(labels, entropy));
}

/** What tells scanners, protocols and fields of view apart: size in mm, and per channel the spread of intensities. */
function imageFeatures(image: Volume): number[] {
  const voxels = voxelCount(image.shape);
  const spacing = spacingOf(image.affine);
  const sizeMm = image.shape.map((length, axis) => length * (spacing[axis] ?? 1));
  const intensities = Array.from({ length: image.channels }, (_, channel) => {
    const values = image.data.subarray(channel * voxels, (channel + 1) * voxels);
    const { median, stdev, percentile_00_5, percentile_99_5 } = intensityStatistics([intensityPart(values)]);
    return [median, stdev, percentile_00_5, percentile_99_5];
  });
  return [...sizeMm, ...intensities.flat()];
}
