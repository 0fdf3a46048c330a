import type { ArtifactRef } from '@voxhelm/contracts/artifact';
import type { KnownCheck } from '@voxhelm/imaging/datasets/known-cases';
import { decodeSafetensors, encodeSafetensors } from '@voxhelm/nn/weights';
import type { ArtifactStore } from '@voxhelm/storage/artifact-store';

/*
 * The cases' parts of the pooled foreground, beside the analysis that they belong to: the next analysis takes them over for
 * cases whose files are the same.
 */

const NAME = 'foregrounds.safetensors';

/** Writes them beside an analysis, each channel a tensor `<sha256>/<channel>`. */
export async function writeForegrounds(
  store: ArtifactStore,
  prefix: string,
  foregrounds: KnownCheck['foregrounds'],
): Promise<void> {
  const tensors = [...foregrounds].flatMap(([sha256, channels]) =>
    channels.map((data, channel) => [`${sha256}/${channel}`, { dtype: 'F32', shape: [data.length], data }] as const),
  );
  await store.write(`${prefix}/${NAME}`, encodeSafetensors(new Map(tensors)));
}

/** Those beside an analysis; none where an earlier version left none, and its cases are read anew. */
export async function readForegrounds(store: ArtifactStore, analysis: ArtifactRef): Promise<KnownCheck['foregrounds']> {
  const ref = await store.find(analysis.uri.replace(/[^/]*$/, NAME));
  const foregrounds = new Map<string, Float32Array[]>();
  if (ref === null) return foregrounds;
  for (const [key, { data }] of decodeSafetensors(await store.read(ref)).tensors) {
    const [sha256 = '', channel = '0'] = key.split('/');
    const channels = foregrounds.get(sha256) ?? [];
    channels[Number(channel)] = data as Float32Array;
    foregrounds.set(sha256, channels);
  }
  return foregrounds;
}
