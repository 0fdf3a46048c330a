import { exportMembers } from '@voxhelm/ensembler/export-members';
import type { ExportOptions } from '../main.ts';

/** Writes a bundle's weights for MONAI's and nnU-Net's own classes. */
export async function exportBundle(options: ExportOptions): Promise<number> {
  const members = await exportMembers(options.bundle, options.output);
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ members })}\n`);
    return 0;
  }
  for (const { network, weights, plan } of members) {
    process.stdout.write(`${network.class}: ${weights}, options and preprocessing in ${plan}\n`);
  }
  return 0;
}
