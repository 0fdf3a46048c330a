import { readlink } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Check } from './doctor.ts';
import { rootDirectory } from './embedded/node-service.ts';
import { chooseDevice, describeGpus, findGpus, readDevice } from './setup/device.mjs';
import { megabytesOf, wheelsFor } from './setup/wheels.mjs';

/** The build of libtensorflow that the binding is linked with; null where none is, or one of the user's own. */
export async function linkedDevice(): Promise<'cpu' | 'cuda' | null> {
  const link = join(rootDirectory, 'node_modules', '@tensorflow', 'tfjs-node-gpu', 'deps', 'lib');
  const target = await readlink(link).catch(() => '');
  const match = /libtensorflow-[\d.]+-(cpu|cuda)-/.exec(target);
  return match === null ? null : (match[1] as 'cpu' | 'cuda');
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
    const found = `${device}: ${seen}`;
    if (warning !== null) {
      return {
        name: 'device',
        ok: false,
        found: `${found}; ${warning}`,
        fix: 'Install the NVIDIA driver, or set VOXHELM_DEVICE=cpu.',
      };
    }
    if (asked.installed === null || asked.installed === device) return { name: 'device', ok: true, found };
    const list = wheelsFor(device, asked.arch);
    const wheels = list?.wheels.map(({ package: name, version }) => `${name}==${version}`).join(', ');
    const size = list === null ? 0 : megabytesOf(list);
    return {
      name: 'device',
      ok: false,
      found: `${found}, but the ${asked.installed} build of libtensorflow is linked`,
      fix: `Run \`npm run setup\` (${size} MB from PyPI, unless cached: ${wheels}), or set VOXHELM_DEVICE=${asked.installed}.`,
    };
  } catch (error) {
    return { name: 'device', ok: false, found: seen, fix: (error as Error).message };
  }
}
