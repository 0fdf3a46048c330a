import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/*
 * What the NVIDIA driver says of the GPU that this process computes on. TensorFlow's binding for Node tells no more than
 * whether there is one.
 */

/** A GPU by the driver's word. */
export interface Gpu {
  readonly name: string;
  readonly memoryBytes: number;
}

/**
 * The first GPU that CUDA shows this process, or null where no driver answers. `visible`: CUDA_VISIBLE_DEVICES, whose
 * first entry (an index or the start of a UUID) is TensorFlow's first device.
 */
export function visibleGpu(visible: string | undefined): Gpu | null {
  let output: string;
  try {
    const query = ['--query-gpu=index,uuid,name,memory.total', '--format=csv,noheader,nounits'];
    output = execFileSync('nvidia-smi', query, {
      encoding: 'utf8',
      timeout: 20_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return null;
  }
  const isWanted = isFirstOf(visible);
  const wanted = output.trim().split('\n').map(fieldsOf).find(isWanted);
  const [, , name, memoryMiB] = wanted ?? [];
  return name === undefined ? null : { name, memoryBytes: Number(memoryMiB) * 2 ** 20 };
}

/** How busy a GPU was over some time, whoever computed on it: the driver does not tell whose the work is. */
export interface GpuUse {
  /** Share (0..1) of the time in which it computed anything, mean over the driver's samples; null where it does not tell (MIG). */
  readonly busy: number | null;
  /** The most memory that was in use, in MB (2^20 bytes). */
  readonly memoryMb: number;
}

/** Asks the driver once a second until it is closed. */
export interface GpuWatch {
  /** What came since the last call; null where nothing did. */
  take(): GpuUse | null;
  close(): void;
}

/** Watches the first GPU that CUDA shows this process ({@link visibleGpu}). Where no driver answers it never tells anything. */
export function watchGpu(visible: string | undefined): GpuWatch {
  const isWanted = isFirstOf(visible);
  let samples: GpuUse[] = [];
  let wantedIndex: string | null = null;
  const query = ['--query-gpu=index,uuid,utilization.gpu,memory.used', '--format=csv,noheader,nounits', '--loop=1'];
  const driver = spawn('nvidia-smi', query, { stdio: ['ignore', 'pipe', 'ignore'] });
  driver.once('error', () => undefined); // There is no such program: nothing comes.
  driver.unref();
  createInterface({ input: driver.stdout }).on('line', (line) => {
    const [index = '', uuid = '', busy, memoryMiB] = fieldsOf(line);
    // All GPUs come anew each second; without a wish the first one is meant, and the second is no sample of it.
    wantedIndex ??= isWanted([index, uuid]) ? index : null;
    if (index !== wantedIndex || !Number.isFinite(Number(memoryMiB))) return;
    samples.push({ busy: Number.isFinite(Number(busy)) ? Number(busy) / 100 : null, memoryMb: Number(memoryMiB) });
  });
  return {
    take() {
      const taken = samples;
      samples = [];
      if (taken.length === 0) return null;
      const told = taken.flatMap(({ busy }) => (busy === null ? [] : [busy]));
      return {
        busy: told.length === 0 ? null : told.reduce((sum, busy) => sum + busy, 0) / told.length,
        memoryMb: Math.max(...taken.map(({ memoryMb }) => memoryMb)),
      };
    },
    close: () => driver.kill(),
  };
}

function fieldsOf(line: string): string[] {
  return line.split(',').map((field) => field.trim());
}

/** Whether a line's index and UUID are those of the first GPU that CUDA_VISIBLE_DEVICES names. */
function isFirstOf(visible: string | undefined): (fields: readonly string[]) => boolean {
  const first = visible?.split(',')[0]?.trim();
  return ([index, uuid]) => first === undefined || first === '' || index === first || uuid?.startsWith(first) === true;
}
