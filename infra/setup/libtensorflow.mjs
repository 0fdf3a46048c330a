import { mkdir, mkdtemp, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { cacheDirectory, exists, readJson, run, sha256 } from './steps.mjs';
import { megabytesOf, requirementOf, TENSORFLOW_VERSION, wheelsFor } from './wheels.mjs';

const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
/** The headers that the C API reaches (measured with g++ -M), not the wheel's 400 MB of includes. */
const HEADERS = 'tensorflow/include/(tensorflow/c/|tensorflow/core/platform/|tsl/platform/|xla/tsl/c/).*[.]h';

/**
 * What of NVIDIA's wheels is kept: shared libraries, and what compiles PTX. They lie in `nvidia/` beside `lib/`, as in a
 * Python's site-packages: TensorFlow's library looks there by its own RUNPATH ($ORIGIN/../nvidia/cudnn/lib ...), and so
 * do NVIDIA's among each other. Nothing needs to be set before Node starts, and no other program's CUDA is disturbed.
 */
const NVIDIA_FILES = 'nvidia/([^/]+/lib/[^/]+[.]so[^/]*|cuda_nvcc/bin/(ptxas|nvlink)|cuda_nvcc/nvvm/libdevice/[^/]+)';
/** Looked for beside libtensorflow_cc alone (its RUNPATH is $ORIGIN/). */
const BESIDE_TENSORFLOW = ['nvidia/nccl/lib/libnccl.so.2'];

/** Folder with `lib/` (the shared libraries under their SONAMEs) and `include/`, for a CUDA build `nvidia/` as well. */
export function libtensorflowDirectory(device) {
  return (
    process.env.VOXHELM_LIBTENSORFLOW ??
    join(cacheDirectory, `libtensorflow-${TENSORFLOW_VERSION}-${device}-${process.arch}`)
  );
}

/**
 * The TensorFlow C library for a device. Taken, in this order, from VOXHELM_LIBTENSORFLOW (a folder with lib/ and include/,
 * as the official archive has them), the per-user cache, an importable Python tensorflow of the same version (CPU alone),
 * or the wheels from PyPI.
 */
export function libtensorflow(device) {
  const directory = libtensorflowDirectory(device);
  const wanted = wheelsFor(device, process.arch);
  const fetched = wanted === null ? 0 : megabytesOf(wanted);
  return {
    name: `libtensorflow ${TENSORFLOW_VERSION} (${device})`,
    about: `taking the C library out of ${device === 'cuda' ? 'TensorFlow’s and NVIDIA’s Python wheels' : 'TensorFlow’s Python wheel'} (${fetched} MB to fetch, ${device === 'cuda' ? '5.5 GB on disk, a minute to half an hour' : '10 s to a few minutes'})`,
    async ready() {
      if (process.env.VOXHELM_LIBTENSORFLOW !== undefined) return ownLibrary(directory);
      return (await isWhole(directory)) ? `cached in ${directory}` : null;
    },
    async bring(say) {
      if (process.platform !== 'linux' || wanted === null) {
        throw new Error(
          `no libtensorflow for ${device} on ${process.platform}/${process.arch} is known: set VOXHELM_LIBTENSORFLOW to a folder with lib/ and include/`,
        );
      }
      // Beside its target, so that the finished folder is renamed and never copied.
      const work = await mkdtemp(join(cacheDirectory, 'libtensorflow-'));
      try {
        const target = join(work, 'whole');
        const installed = device === 'cpu' ? await pythonTensorflow() : null;
        if (installed !== null) {
          say(`copying from the Python package in ${installed}`);
          await copyInstalled(installed, target);
        } else {
          await fetchWheels(wanted, work, target, say);
        }
        await writeManifest(target, device);
        await rm(directory, { recursive: true, force: true });
        await rename(target, directory);
        return `in ${directory}`;
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    },
  };
}

async function ownLibrary(directory) {
  if (await exists(join(directory, 'include', 'tensorflow', 'c', 'c_api.h')))
    return `from VOXHELM_LIBTENSORFLOW=${directory}`;
  throw new Error(
    `VOXHELM_LIBTENSORFLOW=${directory} holds no include/tensorflow/c/c_api.h: unset it, or name a folder with lib/ and include/`,
  );
}

/** Every library is there with the size that was recorded when it was hashed (`voxhelm doctor` compares the hashes). */
async function isWhole(directory) {
  const manifest = await readJson(join(directory, 'manifest.json'));
  if (manifest === null) return false;
  for (const [name, facts] of Object.entries(manifest.libraries)) {
    const size = await stat(join(directory, 'lib', name)).then(
      (file) => file.size,
      () => -1,
    );
    if (size !== facts.bytes) return false;
  }
  return true;
}

/** Folder of an importable Python tensorflow of our version, or null. Looking it up does not import it (that takes seconds). */
async function pythonTensorflow() {
  const script =
    'import importlib.metadata as m, importlib.util as u; print(m.version("tensorflow")); print(u.find_spec("tensorflow").submodule_search_locations[0])';
  try {
    const [version, folder] = (await run('python3', ['-c', script])).trim().split('\n');
    return version === TENSORFLOW_VERSION && (await exists(join(folder, 'include'))) ? folder : null;
  } catch {
    return null; // no Python package: the usual case, the wheel is fetched instead
  }
}

async function copyInstalled(folder, target) {
  const script = `
import os, re, shutil, sys
folder, target = sys.argv[1:3]
os.makedirs(target + '/lib')
for name in ${JSON.stringify(LIBRARIES)}: shutil.copy(os.path.join(folder, name), target + '/lib/' + name)
for base, _, files in os.walk(folder + '/include'):
    for file in files:
        path = os.path.relpath(os.path.join(base, file), os.path.dirname(folder))
        if re.fullmatch(r'${HEADERS}', path):
            to = os.path.join(target, path[len('tensorflow/'):]); os.makedirs(os.path.dirname(to), exist_ok=True); shutil.copy(os.path.join(base, file), to)
`;
  await run('python3', ['-c', script, folder, target]);
}

/** Fetches the wheels one by one, each taken apart and deleted before the next, so that the disk holds one at a time. */
async function fetchWheels({ platforms, wheels }, work, target, say) {
  for (const wheel of wheels) {
    say(`pip download ${wheel.package}==${wheel.version} (${wheel.megabytes} MB)`);
    const folder = join(work, 'wheel');
    await download(wheel, platforms, folder);
    const [file] = await readdir(folder);
    await unpack(join(folder, file), target);
    await rm(folder, { recursive: true });
  }
  for (const path of BESIDE_TENSORFLOW) {
    if (!(await exists(join(target, path)))) continue;
    const link = join(target, 'lib', path.split('/').at(-1));
    await symlink(relative(join(target, 'lib'), join(target, path)), link);
  }
}

async function download(wheel, platforms, folder) {
  await mkdir(folder, { recursive: true });
  const requirements = `${folder}.txt`;
  await writeFile(requirements, `${requirementOf(wheel)}\n`);
  // A fixed Python version and platform: the wheel is found whatever Python is installed here.
  await run('python3', [
    '-m',
    'pip',
    'download',
    '--disable-pip-version-check',
    '--no-cache-dir',
    '--no-deps',
    '--only-binary=:all:',
    '--python-version',
    '3.13',
    ...platforms.flatMap((platform) => ['--platform', platform]),
    '--require-hashes',
    '-r',
    requirements,
    '-d',
    folder,
  ]).catch((error) => {
    throw new Error(
      `${error.message}\nlibtensorflow comes from PyPI by Python's pip: install python3 with pip, or set VOXHELM_LIBTENSORFLOW.`,
    );
  });
}

async function unpack(wheel, target) {
  const script = `
import os, re, shutil, sys, zipfile
wheel, target = sys.argv[1:3]
archive = zipfile.ZipFile(wheel)
libraries = ${JSON.stringify(LIBRARIES)}
for name in archive.namelist():
    if name in ['tensorflow/' + library for library in libraries]: to = target + '/lib/' + os.path.basename(name)
    elif re.fullmatch(r'${HEADERS}', name): to = os.path.join(target, name[len('tensorflow/'):])
    elif re.fullmatch(r'${NVIDIA_FILES}', name): to = os.path.join(target, name)
    else: continue
    os.makedirs(os.path.dirname(to), exist_ok=True)
    with archive.open(name) as source, open(to, 'wb') as sink: shutil.copyfileobj(source, sink, 1 << 20)
    if '/bin/' in name: os.chmod(to, 0o755)
`;
  await mkdir(target, { recursive: true });
  await run('python3', ['-c', script, wheel, target]);
}

/** Sizes and hashes of all libraries, by their path from lib/. */
async function writeManifest(target, device) {
  const paths = [...LIBRARIES];
  for (const folder of await readdir(join(target, 'nvidia')).catch(() => [])) {
    const lib = join('..', 'nvidia', folder, 'lib');
    for (const name of await readdir(join(target, 'lib', lib)).catch(() => [])) paths.push(join(lib, name));
  }
  const libraries = {};
  for (const path of paths) {
    const file = join(target, 'lib', path);
    libraries[path] = { bytes: (await stat(file)).size, sha256: await sha256(file) };
  }
  await writeFile(
    join(target, 'manifest.json'),
    `${JSON.stringify({ version: TENSORFLOW_VERSION, device, libraries }, null, 1)}\n`,
  );
}
