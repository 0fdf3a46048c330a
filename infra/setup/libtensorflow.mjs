import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory, exists, readJson, run, sha256 } from './steps.mjs';

export const TENSORFLOW_VERSION = '2.20.0';

/** The wheels that hold the C library, by Node's process.arch, pinned by content. */
const WHEELS = {
  x64: {
    package: 'tensorflow-cpu',
    platform: 'manylinux2014_x86_64',
    sha256: 'da6e7791e5e10ec84e6225c45e04fee05f33d7b828c9b61cc905f4146f7c64b5',
  },
  arm64: {
    package: 'tensorflow',
    platform: 'manylinux2014_aarch64',
    sha256: '47c88e05a07f1ead4977b4894b3ecd4d8075c40191065afc4fd9355c9db3d926',
  },
};

const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
/** The headers that the C API reaches (measured with g++ -M), not the wheel's 400 MB of includes. */
const HEADERS = 'tensorflow/include/(tensorflow/c/|tensorflow/core/platform/|tsl/platform/|xla/tsl/c/).*[.]h';

/** Folder with `lib/` (the shared libraries under their SONAMEs) and `include/`. */
export function libtensorflowDirectory() {
  return (
    process.env.VOXHELM_LIBTENSORFLOW ?? join(cacheDirectory, `libtensorflow-${TENSORFLOW_VERSION}-cpu-${process.arch}`)
  );
}

/**
 * The TensorFlow C library. Taken, in this order, from VOXHELM_LIBTENSORFLOW (a folder with lib/ and include/, as the
 * official archive has them), the per-user cache, an importable Python tensorflow of the same version, or the wheel from PyPI.
 */
export const libtensorflow = {
  name: `libtensorflow ${TENSORFLOW_VERSION}`,
  about: 'taking the C library out of TensorFlow’s Python wheel (259 MB to fetch, 10 s to a few minutes)',
  async ready() {
    const directory = libtensorflowDirectory();
    if (process.env.VOXHELM_LIBTENSORFLOW !== undefined) {
      if (await exists(join(directory, 'include', 'tensorflow', 'c', 'c_api.h')))
        return `from VOXHELM_LIBTENSORFLOW=${directory}`;
      throw new Error(
        `VOXHELM_LIBTENSORFLOW=${directory} holds no include/tensorflow/c/c_api.h: unset it, or name a folder with lib/ and include/`,
      );
    }
    return (await isWhole(directory)) ? `cached in ${directory}` : null;
  },
  async bring(say) {
    if (process.platform !== 'linux' || !(process.arch in WHEELS)) {
      throw new Error(
        `no libtensorflow for ${process.platform}/${process.arch} is known: set VOXHELM_LIBTENSORFLOW to a folder with lib/ and include/`,
      );
    }
    const work = await mkdtemp(join(cacheDirectory, 'libtensorflow-'));
    try {
      const target = join(work, 'whole');
      const installed = await pythonTensorflow();
      if (installed !== null) {
        say(`copying from the Python package in ${installed}`);
        await copyInstalled(installed, target);
      } else {
        await unpack(await download(work, say), target);
      }
      await writeManifest(target);
      const directory = libtensorflowDirectory();
      await rm(directory, { recursive: true, force: true });
      await rename(target, directory);
      return `in ${directory}`;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  },
};

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

async function download(work, say) {
  const wheel = WHEELS[process.arch];
  const requirements = join(work, 'requirements.txt');
  await writeFile(requirements, `${wheel.package}==${TENSORFLOW_VERSION} --hash=sha256:${wheel.sha256}\n`);
  say(`pip download ${wheel.package}==${TENSORFLOW_VERSION}`);
  // A fixed Python version and platform: the wheel is found whatever Python is installed here.
  await run('python3', [
    '-m',
    'pip',
    'download',
    '--disable-pip-version-check',
    '--no-deps',
    '--only-binary=:all:',
    '--python-version',
    '3.13',
    '--platform',
    wheel.platform,
    '--require-hashes',
    '-r',
    requirements,
    '-d',
    join(work, 'wheel'),
  ]).catch((error) => {
    throw new Error(
      `${error.message}\nlibtensorflow comes from PyPI by Python's pip: install python3 with pip, or set VOXHELM_LIBTENSORFLOW.`,
    );
  });
  const [file] = await readdir(join(work, 'wheel'));
  return join(work, 'wheel', file);
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
    else: continue
    os.makedirs(os.path.dirname(to), exist_ok=True)
    with archive.open(name) as source, open(to, 'wb') as sink: shutil.copyfileobj(source, sink, 1 << 20)
`;
  await mkdir(target, { recursive: true });
  await run('python3', ['-c', script, wheel, target]);
}

async function writeManifest(target) {
  const libraries = {};
  for (const name of LIBRARIES) {
    const path = join(target, 'lib', name);
    libraries[name] = { bytes: (await stat(path)).size, sha256: await sha256(path) };
  }
  await writeFile(
    join(target, 'manifest.json'),
    `${JSON.stringify({ version: TENSORFLOW_VERSION, device: 'cpu', libraries }, null, 1)}\n`,
  );
}
