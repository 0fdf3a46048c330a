import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { BundleManifest } from '@voxhelm/contracts/ensemble';
import { unzipSync } from 'fflate';

/** An ensemble bundle in memory: its manifest and each member's weights, in the manifest's order. */
export interface OpenBundle {
  readonly manifest: BundleManifest;
  readonly weights: readonly Uint8Array[];
}

/** Opens a bundle that this service made; checks the hash of all that is used of it. Throws saying what does not agree. */
export function readBundle(zip: Uint8Array): OpenBundle {
  const files: Partial<Record<string, Uint8Array>> = unzipSync(zip, {
    filter: ({ name }) => name === 'manifest.json' || name.startsWith('members/'),
  });
  const text = files['manifest.json'];
  if (text === undefined) throw new Error('The bundle holds no manifest.json.');
  const manifest = BundleManifest.parse(JSON.parse(new TextDecoder().decode(text)));
  const weights = manifest.members.map(({ weights: path }) => {
    const bytes = files[path];
    const listed = manifest.files.find((file) => file.path === path);
    if (bytes === undefined || listed === undefined) throw new Error(`The bundle lacks ${path}.`);
    if (bytesToHex(sha256(bytes)) !== listed.sha256)
      throw new Error(`${path} was damaged on its way: download it again.`);
    return bytes;
  });
  return { manifest, weights };
}
