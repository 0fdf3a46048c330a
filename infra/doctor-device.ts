import { readlink } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Check } from './doctor.ts';
import { rootDirectory } from './embedded/node-service.ts';
import { chooseDevice, describeGpus, findGpus, OLDEST_DRIVER, readDevice } from './setup/device.mjs';
import { megabytesOf, wheelsFor } from './setup/wheels.mjs';

/** The build of libtensorflow that the binding is linked with; null where none is, or one of the user's own. */
export async function linkedDevice(): Promise<'cpu' | 'cuda' | null> {
  const link = join(rootDirectory, 'node_modules', '@tensorflow', 'tfjs-node-gpu', 'deps', 'lib');
  const target = await readlink(link).catch(() => '');
  const match = /libtensorflow-[\d.]+-(cpu|cuda)-/.exec(target);
  return match === null ? null : (match[1] as 'cpu' | 'cuda');
}

/** The set-up of a device in words, with every wheel that it would bring. */
function setUp(device: 'cpu' | 'cuda', arch: string): string {
  const list = wheelsFor(device, arch);
  if (list === null) return '`npm run setup`';
  const wheels = list.wheels.map(({ package: name, version }) => `${name}==${version}`).join(', ');
  return `\`npm run setup\` (${megabytesOf(list)} MB from PyPI, unless cached: ${wheels})`;
}

/** The processor, the GPUs, and whether the library fits them; the fix names every wheel that set-up would bring. */
export async function deviceCheck(asked: {
  /** VOXHELM_DEVICE. */
  readonly requested: string | undefined;
  /** Node's process.arch. */
  readonly arch: string;
  readonly installed: 'cpu' | 'cuda' | null;
}): Promise<Check> {
  const cpu = `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'CPU'}, ${(totalmem() / 2 ** 30).toFixed(0)} GB memory`;
  const gpus = await findGpus();
  const seen = `${gpus === null ? 'no NVIDIA driver answers' : describeGpus(gpus)}; ${cpu}`;
  try {
    const { device, warning } = chooseDevice(readDevice(asked.requested), gpus, asked.arch);
    const isLinked = asked.installed === null || asked.installed === device;
    const faults = [
      ...(warning === null ? [] : [warning]),
      ...(isLinked ? [] : [`the ${asked.installed} build of libtensorflow is linked`]),
    ];
    const found = [`${device}: ${seen}`, ...faults].join('; ');
    if (faults.length === 0) return { name: 'device', ok: true, found };
    const steps = [
      ...(warning === null ? [] : [`install the NVIDIA driver (${OLDEST_DRIVER} or later)`]),
      ...(isLinked ? [] : [`run ${setUp(device, asked.arch)}`]),
    ].join(', then ');
    const otherwise = warning === null ? asked.installed : 'cpu';
    const fix = `${steps.charAt(0).toUpperCase()}${steps.slice(1)}; or set VOXHELM_DEVICE=${otherwise}.`;
    return { name: 'device', ok: false, found, fix };
  } catch (error) {
    return { name: 'device', ok: false, found: seen, fix: (error as Error).message };
  }
}
