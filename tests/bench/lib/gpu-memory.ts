import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** Between two looks: nvidia-smi itself takes some 30 ms. */
const LOOK_EVERY_MS = 100;

function usedMiB(): Promise<number> {
  return new Promise((resolve) => {
    execFile('nvidia-smi', ['--query-gpu=memory.used', '--format=csv,noheader,nounits', '--id=0'], (error, output) =>
      resolve(error === null ? Number(output.trim()) : Number.NaN),
    );
  });
}

/**
 * Watches the memory of the first GPU (which must be idle otherwise; processes cannot be told apart in a container) until
 * stopped: the most that was used above the start, in MiB, all that the driver and the libraries take included.
 */
export async function watchGpuMemory(): Promise<{ stop(): Promise<number> }> {
  const before = await usedMiB();
  let peak = before;
  let stopped = false;
  const watching = (async () => {
    while (!stopped) {
      peak = Math.max(peak, await usedMiB());
      await sleep(LOOK_EVERY_MS);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await watching;
      return peak - before;
    },
  };
}
