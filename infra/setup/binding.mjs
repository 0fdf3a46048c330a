import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { libtensorflowDirectory } from './libtensorflow.mjs';
import { cacheDirectory, exists, rootDirectory, run, sha256 } from './steps.mjs';
import { TENSORFLOW_VERSION } from './wheels.mjs';

const tfjs = join(rootDirectory, 'node_modules', '@tensorflow', 'tfjs-node-gpu');
const installed = join(tfjs, 'lib', 'napi-v8', 'tfjs_binding.node');
const SOURCES = ['binding/tfjs_backend.cc', 'binding/tfjs_binding.cc'];

/**
 * tfjs-node's own N-API binding, compiled against our libtensorflow (the stock package brings 2.9.1: no Hopper, no
 * Blackwell). N-API is stable across Node versions, so one build serves all; node-api-headers spares Node's headers
 * and node-gyp. https://nodejs.org/api/n-api.html#node-api-version-matrix
 */
export function binding(device) {
  const library = libtensorflowDirectory(device);
  return {
    name: 'TensorFlow binding for Node',
    about: 'compiling tfjs-node’s binding with the C++ compiler (about 20 s)',
    async ready() {
      const cached = await cachedBinding(library);
      if (!(await exists(cached)) || !(await exists(installed))) return null;
      if ((await readlink(join(tfjs, 'deps', 'lib')).catch(() => null)) !== join(library, 'lib')) return null;
      return (await sha256(installed)) === (await sha256(cached)) ? 'built' : null;
    },
    async bring(say) {
      await linkLibrary(library);
      const cached = await cachedBinding(library);
      if (await exists(cached)) say(`taken from ${cached}`);
      else await compile(cached, library);
      await mkdir(join(tfjs, 'lib', 'napi-v8'), { recursive: true });
      await copyFile(cached, installed);
      return 'built';
    },
  };
}

/** The cached build's path: its name changes with whatever the build depends on. */
async function cachedBinding(library) {
  const hash = createHash('sha256').update(TENSORFLOW_VERSION).update(library);
  for (const file of (await readdir(join(tfjs, 'binding'))).sort())
    hash.update(await readFile(join(tfjs, 'binding', file)));
  return join(cacheDirectory, `tfjs-binding-${process.arch}-${hash.digest('hex').slice(0, 16)}.node`);
}

/** deps/lib -> the library; TensorFlow's libraries are linked under their SONAMEs, so no other names are needed. */
async function linkLibrary(library) {
  await rm(join(tfjs, 'deps'), { recursive: true, force: true });
  await mkdir(join(tfjs, 'deps'), { recursive: true });
  await symlink(join(library, 'lib'), join(tfjs, 'deps', 'lib'));
}

async function compile(target, library) {
  const work = await mkdtemp(join(cacheDirectory, 'binding-'));
  const output = join(work, 'tfjs_binding.node');
  const libraries = (await readdir(join(library, 'lib'))).filter((name) => /^libtensorflow.*\.so/.test(name));
  try {
    await run(
      process.env.CXX ?? 'g++',
      [
        '-std=c++17',
        '-O2',
        '-fPIC',
        '-shared',
        '-DNAPI_VERSION=8',
        `-I${join(rootDirectory, 'node_modules', 'node-api-headers', 'include')}`,
        `-I${join(library, 'include')}`,
        ...SOURCES,
        '-o',
        output,
        `-L${join(library, 'lib')}`,
        ...libraries.map((name) => `-l:${name}`),
        '-Wl,-rpath,$ORIGIN/../../deps/lib',
      ],
      { cwd: tfjs },
    ).catch((error) => {
      throw new Error(
        `${error.message}\nA C++ compiler is needed (Debian and Ubuntu: apt-get install g++), or name yours in CXX.`,
      );
    });
    await rename(output, target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
