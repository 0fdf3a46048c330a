import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, rootDirectory, run, sha256 } from './steps.mjs';

const schema = join(rootDirectory, 'prisma', 'schema.prisma');
const stamp = join(rootDirectory, 'prisma', 'generated', '.schema-sha256');

/** Prisma's typed client, generated from prisma/schema.prisma. */
export const prismaClient = {
  name: 'database client',
  about: 'generating it from prisma/schema.prisma (about 5 s)',
  async ready() {
    if (!(await exists(stamp))) return null;
    return (await readFile(stamp, 'utf8')) === (await sha256(schema)) ? 'generated' : null;
  },
  async bring() {
    await run(process.execPath, [join(rootDirectory, 'prisma', 'generate.mjs')], { cwd: rootDirectory });
    await writeFile(stamp, await sha256(schema));
    return 'generated';
  },
};
