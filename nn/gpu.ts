import { execFileSync } from 'node:child_process';

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
  const gpus = output
    .trim()
    .split('\n')
    .map((line) => line.split(',').map((field) => field.trim()));
  const first = visible?.split(',')[0]?.trim();
  const wanted = gpus.find(
    ([index, uuid]) => first === undefined || first === '' || index === first || uuid?.startsWith(first),
  );
  const [, , name, memoryMiB] = wanted ?? [];
  return name === undefined ? null : { name, memoryBytes: Number(memoryMiB) * 2 ** 20 };
}
