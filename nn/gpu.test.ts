import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { visibleGpu, watchGpu } from './gpu.ts';

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

test('how busy the GPU is, of the one that CUDA shows first; a driver that does not answer or tell is no error', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'voxhelm-smi-'));
  const path = process.env['PATH'];
  const lines = ['0, GPU-aa11, 90, 100', '1, GPU-bb22, 20, 3000', '0, GPU-aa11, 90, 100', '1, GPU-bb22, 60, 2000'];
  const says = async (said: readonly string[]): Promise<void> => {
    await writeFile(join(folder, 'nvidia-smi'), `#!/bin/sh\nprintf '${said.join('\\n')}\\n'\nexec sleep 5\n`);
    await chmod(join(folder, 'nvidia-smi'), 0o755);
  };
  const firstUse = async (visible: string | undefined) => {
    const watch = watchGpu(visible);
    const found = await vi.waitUntil(() => watch.take(), { timeout: 5_000, interval: 100 });
    watch.close();
    return found;
  };
  try {
    process.env['PATH'] = `${folder}:${path}`;
    await says(lines);
    expect(await firstUse(undefined)).toEqual({ busy: 0.9, memoryMb: 100 });
    expect(await firstUse('1,0')).toEqual({ busy: 0.4, memoryMb: 3_000 });
    await says(['0, MIG-cc33, [N/A], 512']);
    expect(await firstUse('MIG-cc33')).toEqual({ busy: null, memoryMb: 512 });
    process.env['PATH'] = folder;
    await rm(join(folder, 'nvidia-smi'));
    const watch = watchGpu(undefined);
    await setTimeout(50);
    expect(watch.take()).toBeNull();
    watch.close();
  } finally {
    process.env['PATH'] = path;
    await rm(folder, { recursive: true, force: true });
  }
});
