// Writes the database client to prisma/generated. Works without network: the command line asks for a schema-engine
// binary that `generate` never runs, so Node's own path satisfies it (../shared/foundations.md, Prisma).
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const commandLine = join(dirname(require.resolve('prisma/package.json')), 'build', 'index.js');
const result = spawnSync(process.execPath, [commandLine, 'generate', '--schema', join(folder, 'schema.prisma')], {
  cwd: folder,
  env: {
    ...process.env,
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
  },
  encoding: 'utf8',
});
if (result.status !== 0) {
  process.stderr.write(`prisma generate failed:\n${result.stdout}\n${result.stderr}\n`);
  process.exit(1);
}
