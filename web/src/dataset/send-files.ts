import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { UploadedFile } from '@voxhelm/contracts/api-predictions';
import { sendFile } from './upload.ts';

const HREF = '/v1/uploads/files';
/** Hashed at once, so that the page stays awake between. */
const SLICE_BYTES = 4 * 1024 * 1024;

/** Uploads single files and says under which hashes the service now has them. */
export async function sendFiles(
  files: readonly { readonly name: string; readonly blob: Blob }[],
): Promise<UploadedFile[]> {
  const sent: UploadedFile[] = [];
  for (const { name, blob } of files) {
    const hash = await hashOf(blob);
    await sendFile(HREF, blob, hash);
    sent.push({ name, sha256: hash, bytes: blob.size });
  }
  return sent;
}

async function hashOf(blob: Blob): Promise<string> {
  const hash = sha256.create();
  for (let start = 0; start < blob.size; start += SLICE_BYTES) {
    hash.update(new Uint8Array(await blob.slice(start, start + SLICE_BYTES).arrayBuffer()));
  }
  return bytesToHex(hash.digest());
}
