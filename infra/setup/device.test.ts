import { createHash } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { deviceCheck } from '../doctor-device.ts';
import { chooseDevice, findGpus, readDevice } from './device.mjs';
import { megabytesOf, requirementOf, wheelsFor } from './wheels.mjs';

const H100 = { driver: '570.86.15', gpus: [{ name: 'NVIDIA H100 80GB HBM3', memoryMiB: 81_559 }] };

describe('what is set up for a machine', () => {
  test('without a driver: the CPU build', () => {
    expect(chooseDevice('auto', null, 'x64')).toEqual({
      device: 'cpu',
      why: 'no NVIDIA driver answers',
      warning: null,
    });
  });

  test('with a driver: the CUDA build; --device cpu overrides', () => {
    const why = 'NVIDIA H100 80GB HBM3, 79.6 GiB, driver 570.86.15';
    expect(chooseDevice('auto', H100, 'x64')).toEqual({ device: 'cuda', why, warning: null });
    expect(chooseDevice('cpu', H100, 'x64')).toEqual({ device: 'cpu', why: `asked for; ${why}`, warning: null });
  });

  test('with a driver that is too old for CUDA 12, or on arm64: the CPU build, and why', () => {
    expect(chooseDevice('auto', { ...H100, driver: '470.57' }, 'x64')).toMatchObject({
      device: 'cpu',
      why: expect.stringContaining('older than 525'),
    });
    expect(chooseDevice('auto', H100, 'arm64')).toMatchObject({ device: 'cpu', why: expect.stringContaining('x64') });
  });

  test('--device cuda without a driver says that it cannot compute; on arm64 it is refused', () => {
    expect(chooseDevice('cuda', null, 'x64')).toMatchObject({
      device: 'cuda',
      warning: expect.stringMatching(/^no NVIDIA driver answers \(nvidia-smi\): .* nothing is computed without a GPU$/),
    });
    expect(() => chooseDevice('cuda', H100, 'arm64')).toThrow('--device cpu');
  });

  test('other words are refused', () => {
    expect(readDevice(undefined)).toBe('auto');
    expect(() => readDevice('gpu')).toThrow('use cpu, cuda or auto');
  });
});

describe('the exact list of wheels', () => {
  test('CPU: one', () => {
    expect(wheelsFor('cpu', 'x64')?.wheels.map(nameOf)).toEqual(['tensorflow-cpu==2.20.0']);
    expect(wheelsFor('cpu', 'arm64')?.wheels.map(nameOf)).toEqual(['tensorflow==2.20.0']);
    expect(wheelsFor('cuda', 'arm64')).toBeNull();
  });

  test.each<['cpu' | 'cuda', string, string]>([
    ['cpu', 'x64', '52973a0909f193b2b86ab66bdeebc8132820944479927b819246ee6a436c9e19'],
    ['cpu', 'arm64', 'df996382c1de185574e00962fa73693b851d9dc85a5896b5d9936362d395ae5c'],
    ['cuda', 'x64', '944e11446a27e0864a3b0ed985579312c2f6d95caf05a55d6f0e17553c7097a9'],
  ])('%s on %s: what pip is asked for, to the last digit of each hash', (device, arch, digest) => {
    const asked = wheelsFor(device, arch)?.wheels.map(requirementOf).join('\n') ?? '';
    // Whoever changes a wheel on purpose takes the new digest over from here.
    expect(createHash('sha256').update(asked).digest('hex')).toBe(digest);
  });

  test('CUDA: TensorFlow and the twelve that tensorflow[and-cuda] 2.20.0 names, each with a hash of its own', () => {
    const list = wheelsFor('cuda', 'x64');
    expect(list?.wheels.map(nameOf)).toEqual([
      'tensorflow==2.20.0',
      'nvidia-cublas-cu12==12.9.3.13',
      'nvidia-cuda-cupti-cu12==12.9.79',
      'nvidia-cuda-nvcc-cu12==12.9.86',
      'nvidia-cuda-nvrtc-cu12==12.9.86',
      'nvidia-cuda-runtime-cu12==12.9.79',
      'nvidia-cudnn-cu12==9.28.0.42',
      'nvidia-cufft-cu12==11.4.1.4',
      'nvidia-curand-cu12==10.3.10.19',
      'nvidia-cusolver-cu12==11.7.5.82',
      'nvidia-cusparse-cu12==12.5.10.65',
      'nvidia-nccl-cu12==2.32.3',
      'nvidia-nvjitlink-cu12==12.9.86',
    ]);
    const hashes = list?.wheels.map(({ sha256 }) => sha256) ?? [];
    expect(new Set(hashes).size).toBe(13);
    for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('on a machine without a driver', () => {
  const path = process.env['PATH'];

  beforeEach(() => {
    process.env['PATH'] = '/nonexistent';
  });

  afterEach(() => {
    process.env['PATH'] = path;
  });

  test('doctor tells of VOXHELM_DEVICE=cuda that nothing would compute, what is linked, and all that set-up would bring', async () => {
    const check = await deviceCheck({ requested: 'cuda', arch: 'x64', installed: 'cpu' });
    expect(check).toMatchObject({ ok: false, found: expect.stringContaining('nothing is computed without a GPU') });
    expect(check.found).toMatch(/; the cpu build of libtensorflow is linked$/);
    expect(check.fix).toMatch(/^Install the NVIDIA driver \(525 or later\), then run `npm run setup` \(3429 MB/);
    for (const wheel of wheelsFor('cuda', 'x64')?.wheels ?? []) expect(check.fix).toContain(nameOf(wheel));
    expect(check.fix).toMatch(/; or set VOXHELM_DEVICE=cpu\.$/);
  });

  test('with the CUDA build linked the driver alone is missing', async () => {
    const check = await deviceCheck({ requested: 'cuda', arch: 'x64', installed: 'cuda' });
    expect(check.fix).toBe('Install the NVIDIA driver (525 or later); or set VOXHELM_DEVICE=cpu.');
  });

  test('doctor is content with the CPU build where nothing was asked for', async () => {
    expect((await deviceCheck({ requested: undefined, arch: 'x64', installed: 'cpu' })).ok).toBe(true);
  });
});

describe('on a machine whose nvidia-smi answers (a made-up one)', () => {
  let folder: string;
  const path = process.env['PATH'];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'voxhelm-smi-'));
    const program = '#!/bin/sh\nprintf "NVIDIA L4, 23034, 550.54.15\\nNVIDIA L4, 23034, 550.54.15\\n"\n';
    await writeFile(join(folder, 'nvidia-smi'), program);
    await chmod(join(folder, 'nvidia-smi'), 0o755);
    process.env['PATH'] = `${folder}:${path}`;
  });

  afterEach(async () => {
    process.env['PATH'] = path;
    await rm(folder, { recursive: true, force: true });
  });

  test('set-up finds the GPUs', async () => {
    const l4 = { name: 'NVIDIA L4', memoryMiB: 23_034 };
    expect(await findGpus()).toEqual({ driver: '550.54.15', gpus: [l4, l4] });
  });

  test('doctor tells them, and what set-up would bring', async () => {
    const check = await deviceCheck({ requested: undefined, arch: 'x64', installed: 'cpu' });
    expect(check.ok).toBe(false);
    expect(check.found).toContain('2 × NVIDIA L4, 22.5 GiB, driver 550.54.15');
    const megabytes = megabytesOf(wheelsFor('cuda', 'x64') ?? { platforms: [], wheels: [] });
    expect(check.fix).toContain(`${megabytes} MB`);
    expect(check.fix).toContain('nvidia-cudnn-cu12==9.28.0.42');
  });

  test('doctor is content where the CUDA build is linked, or the CPU was asked for', async () => {
    expect((await deviceCheck({ requested: undefined, arch: 'x64', installed: 'cuda' })).ok).toBe(true);
    expect((await deviceCheck({ requested: 'cpu', arch: 'x64', installed: 'cpu' })).ok).toBe(true);
  });
});

function nameOf({ package: name, version }: { package: string; version: string }): string {
  return `${name}==${version}`;
}
