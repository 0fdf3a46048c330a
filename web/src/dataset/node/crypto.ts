/* node:crypto for the browser: SHA-256, synchronously. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

export function createHash(algorithm: string) {
  if (algorithm !== 'sha256') throw new Error(`no ${algorithm} in the browser`);
  const hash = sha256.create();
  const self = {
    update(data: Uint8Array | string) {
      hash.update(typeof data === 'string' ? new TextEncoder().encode(data) : data);
      return self;
    },
    digest: (): string => bytesToHex(hash.digest()),
  };
  return self;
}

export function randomUUID(): string {
  return crypto.randomUUID();
}
