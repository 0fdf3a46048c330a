// Which device the set-up is for: what `nvidia-smi` finds, what the user asked for, and what follows from both.
import { execFile } from 'node:child_process';

/** CUDA 12's oldest driver on Linux (minor version compatibility): NVIDIA's CUDA 12 release notes, table 2. */
export const OLDEST_DRIVER = 525;

/** What the NVIDIA driver says: `{driver, gpus: [{name, memoryMiB}]}`, or null where none answers. */
export function findGpus() {
  return new Promise((resolve) => {
    const query = ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader,nounits'];
    execFile('nvidia-smi', query, { timeout: 20_000 }, (error, output) =>
      resolve(error === null ? readGpus(output) : null),
    );
  });
}

/** Reads the answer of `nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader,nounits`. */
export function readGpus(output) {
  const rows = output
    .split('\n')
    .map((line) => line.split(',').map((field) => field.trim()))
    .filter((fields) => fields.length === 3 && Number(fields[1]) > 0);
  if (rows.length === 0) return null;
  return { driver: rows[0][2], gpus: rows.map(([name, memory]) => ({ name, memoryMiB: Number(memory) })) };
}

/** The option `--device` (or VOXHELM_DEVICE) as it is meant; throws on another word. */
export function readDevice(text) {
  if (text === undefined || text === '' || text === 'auto') return 'auto';
  if (text === 'cpu' || text === 'cuda') return text;
  throw new Error(`"${text}" is no device: use cpu, cuda or auto`);
}

/**
 * The device to set up: `{device: 'cpu' | 'cuda', why, warning: string | null}`. `requested`: 'auto', 'cpu' or 'cuda';
 * `found`: {@link findGpus}. Throws where CUDA was asked for and there is no build for this machine.
 */
export function chooseDevice(requested, found, arch) {
  const seen = found === null ? 'no NVIDIA driver answers' : describeGpus(found);
  if (requested === 'cpu') return { device: 'cpu', why: `asked for; ${seen}`, warning: null };
  if (arch !== 'x64') {
    if (requested === 'cuda') throw new Error(`there is no CUDA build of libtensorflow for ${arch}: use --device cpu`);
    return { device: 'cpu', why: `${seen}; CUDA builds exist for x64 alone`, warning: null };
  }
  const fault = driverFault(found);
  if (requested === 'auto') {
    return fault === null
      ? { device: 'cuda', why: seen, warning: null }
      : { device: 'cpu', why: found === null ? seen : `${seen}, but ${fault}`, warning: null };
  }
  const warning =
    fault === null
      ? null
      : `${fault}: the CUDA build is set up all the same, but while VOXHELM_DEVICE is cuda nothing is computed without a GPU`;
  return { device: 'cuda', why: `asked for; ${seen}`, warning };
}

function driverFault(found) {
  if (found === null) return 'no NVIDIA driver answers (nvidia-smi)';
  if (Number.parseInt(found.driver, 10) < OLDEST_DRIVER)
    return `its driver is older than ${OLDEST_DRIVER}, which CUDA 12 needs`;
  return null;
}

/** The GPUs in words: "2 × NVIDIA H100 80GB HBM3, 79.6 GiB, driver 570.86". */
export function describeGpus({ driver, gpus }) {
  const counts = new Map();
  for (const { name, memoryMiB } of gpus) {
    const text = `${name}, ${(memoryMiB / 1024).toFixed(1)} GiB`;
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const list = [...counts].map(([text, count]) => (count === 1 ? text : `${count} × ${text}`));
  return `${list.join('; ')}, driver ${driver}`;
}
