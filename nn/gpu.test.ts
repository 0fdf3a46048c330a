import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { visibleGpu } from './gpu.ts';

const SAYS = 'printf "0, GPU-aa11, NVIDIA L4, 23034\\n1, GPU-bb22, NVIDIA H100 80GB HBM3, 81559\\n"';

test('the GPU that CUDA shows first, by index or UUID; none where no driver answers', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'voxhelm-smi-'));
  const path = process.env['PATH'];
  try {
    await writeFile(join(folder, 'nvidia-smi'), `#!/bin/sh\n${SAYS}\n`);
    await chmod(join(folder, 'nvidia-smi'), 0o755);
    process.env['PATH'] = `${folder}:${path}`;
    const h100 = { name: 'NVIDIA H100 80GB HBM3', memoryBytes: 81_559 * 2 ** 20 };
    expect(visibleGpu(undefined)?.name).toBe('NVIDIA L4');
    expect(visibleGpu('1,0')).toEqual(h100);
    expect(visibleGpu('GPU-bb')).toEqual(h100);
    process.env['PATH'] = folder;
    await rm(join(folder, 'nvidia-smi'));
    expect(visibleGpu(undefined)).toBeNull();
  } finally {
    process.env['PATH'] = path;
    await rm(folder, { recursive: true, force: true });
  }
});
