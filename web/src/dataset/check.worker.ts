import './node/buffer.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { checkAndAnalyze } from '@voxhelm/imaging/datasets/check-and-analyze';
import { readDatalist } from '@voxhelm/imaging/datasets/read-datalist';
import type { CheckAnswer, CheckRequest } from './check-messages.ts';
import { type DroppedFile, mount, ROOT } from './node/files.ts';
import { repairLabel } from './repair.ts';

/*
 * The dataset check in the browser: the command line's own code on the dropped files, before anything is sent.
 */

/** Read at once while hashing. */
const SLICE_BYTES = 8 * 1024 * 1024;

const answer = (message: CheckAnswer): void => postMessage(message);

onmessage = (event: MessageEvent<CheckRequest>) => {
  void handle(event.data).catch((error: unknown) => {
    const { message, fix } = error as { message: string; fix?: string };
    answer({
      kind: 'refused',
      message: message.replaceAll(`${ROOT}/`, '').replaceAll(ROOT, 'the folder'),
      fix: fix ?? null,
    });
  });
};

async function handle(request: CheckRequest): Promise<void> {
  if (request.kind === 'repair') {
    const { path, file } = repairLabel(request.repair);
    answer({ kind: 'repaired', path, file });
    return;
  }
  mount(request.files);
  const startedAt = performance.now();
  const read = await readDatalist(ROOT);
  // Without a name of its own it is called as its folder; here that is where the dropped files seem to lie.
  const unnamed = read.name === ROOT.slice(1) && request.name !== null;
  const datalist = unnamed ? { ...read, name: request.name } : read;
  answer({ kind: 'datalist', datalist });
  const { check, analysis } = await checkAndAnalyze(datalist, {
    workers: 1,
    onProgress: (done, total) => answer({ kind: 'progress', done, total }),
  });
  answer({ kind: 'checked', check, summary: analysis?.summary ?? null, elapsedMs: performance.now() - startedAt });
  for (const dropped of request.files) answer({ kind: 'hash', path: dropped.path, sha256: await hashFile(dropped) });
  answer({ kind: 'hashed' });
}

async function hashFile({ file }: DroppedFile): Promise<string> {
  const hash = sha256.create();
  for (let start = 0; start < file.size; start += SLICE_BYTES) {
    hash.update(new Uint8Array(await file.slice(start, start + SLICE_BYTES).arrayBuffer()));
  }
  return bytesToHex(hash.digest());
}
