import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { networkOf } from '@voxhelm/algorithms/networks';
import { exportWeights } from '@voxhelm/nn/checkpoint-files/state-dict';
import { decodeSafetensors, disposeParameters, loadParameters } from '@voxhelm/nn/weights';
import { readBundle } from './bundle-read.ts';

/** A member as it was written for its original: weights, and the plan that says how images become its input. */
export interface ExportedMember {
  /** Class name of MONAI (or of nnU-Net's dynamic_network_architectures), with its options. */
  readonly network: { readonly class: string; readonly options: Readonly<Record<string, unknown>> };
  /** A safetensors file that `load_state_dict` of that class takes strictly. */
  readonly weights: string;
  readonly plan: string;
}

/**
 * Writes the members of a bundle as files for the originals: parameters under their names, with the buffers and second names
 * that their state dicts have beside them (a bundle holds each parameter once). Axes are x, y, z, as MONAI's are. Throws
 * `bad-bundle` or `not-found`.
 */
export async function exportMembers(bundlePath: string, output: string): Promise<ExportedMember[]> {
  const { manifest, weights } = await readBundle(bundlePath);
  await mkdir(output, { recursive: true });
  const members: ExportedMember[] = [];
  for (const [index, { plan, weights: path }] of manifest.members.entries()) {
    const network = networkOf(plan.network);
    const parameters = loadParameters(network, decodeSafetensors(weights[index] as Uint8Array));
    const file = join(output, basename(path));
    const planFile = file.replace(/\.safetensors$/, '.plan.json');
    try {
      await writeFile(file, exportWeights(network, parameters));
    } finally {
      disposeParameters(parameters);
    }
    await writeFile(planFile, `${JSON.stringify(plan, null, 2)}\n`);
    members.push({ network: plan.network, weights: file, plan: planFile });
  }
  return members;
}
