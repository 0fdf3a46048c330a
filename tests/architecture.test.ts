import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/*
 * Who may import whom (docs/architecture.md). Each row: the files it speaks of, and what of ours they may import. The
 * first row that fits a file holds. npm packages are held by Biome's noUndeclaredDependencies.
 */
const PURE_ALGORITHM = /^algorithms\/(?!network(s|-searchers)\.ts|[a-z]+\/network[a-z-]*\.ts)/;

const ROWS: readonly { readonly files: RegExp; readonly may: readonly RegExp[] }[] = [
  { files: /^contracts\//, may: [/^contracts\//] },
  { files: /^storage\//, may: [/^(contracts|storage)\//] },
  { files: /^imaging\//, may: [/^(contracts|imaging)\//] },
  { files: /^search\//, may: [/^(contracts|search)\//] },
  { files: /^nn\//, may: [/^(contracts|imaging|nn)\//] },
  {
    files: /^algorithms\/(networks|network-searchers|[a-z]+\/network[a-z-]*)\.ts$/,
    may: [/^(contracts|imaging|nn|algorithms)\//],
  },
  // All the rest of an algorithm is its plan, which is pure: it can be made where no tensor library is.
  { files: /^algorithms\//, may: [/^(contracts|search)\//, PURE_ALGORITHM] },
  { files: /^ensembler\/select[a-z-]*\.ts$/, may: [/^contracts\//, /^ensembler\/select[a-z-]*\.ts$/] },
  { files: /^ensembler\//, may: [/^(contracts|storage|imaging|nn|algorithms|ensembler)\//] },
  { files: /^workers\//, may: [/^(contracts|storage|imaging|search|nn|algorithms|ensembler|workers)\//] },
  { files: /^prisma\//, may: [/^(contracts|prisma)\//] },
  // When to retrain and whom to promote: pure.
  { files: /^orchestrator\/schedules\//, may: [/^(contracts|search)\//, /^orchestrator\/schedules\//] },
  // Replayed by Temporal: pure code and types alone.
  { files: /^orchestrator\/workflows\//, may: [/^contracts\//, /^orchestrator\/workflows\//] },
  {
    files: /^orchestrator\/activities\//,
    may: [
      /^(contracts|storage|search|prisma)\//,
      /^imaging\/(splits|datasets\/(read-datalist|same-case))\.ts$/,
      PURE_ALGORITHM,
      /^ensembler\/select[a-z-]*\.ts$/,
      /^orchestrator\/(activities|schedules|workflows)\//,
      /^orchestrator\/[a-z-]+\.ts$/,
    ],
  },
  {
    files: /^orchestrator\/api\//,
    may: [
      /^(contracts|storage|search|prisma)\//,
      // Lists of cases, and the check of a case that is given, in a thread of its own.
      /^imaging\/datasets\/(read-datalist|unlabelled|dataset-paths|case-threads)\.ts$/,
      PURE_ALGORITHM,
      /^orchestrator\/(api|workflows)\//,
      /^orchestrator\/[a-z-]+\.ts$/,
    ],
  },
  {
    files: /^orchestrator\//,
    may: [/^(contracts|storage|prisma)\//, /^imaging\/datasets\/same-case\.ts$/, /^orchestrator\//],
  },
  { files: /^infra\//, may: [/^(contracts|storage|prisma|infra)\//, /^orchestrator\/dev-server-settings\.ts$/] },
  { files: /^cli\//, may: [/^(contracts|imaging|ensembler|infra|cli)\//] },
  // In the browser: contracts, and by subpath what needs no Node. An ensemble predicts there over plain tfjs ops
  // (vite.config.ts puts web/src/predict/engine.ts in the place of nn/engine.ts).
  {
    files: /^web\/src\/predict\//,
    may: [
      /^(contracts|imaging|web)\//,
      /^nn\/(eager-forward|network|sliding-window|weights|window-predictor)\.ts$/,
      /^algorithms\/networks\.ts$/,
      /^ensembler\/(fuse|fuse-models|image-groups)\.ts$/,
    ],
  },
  { files: /^web\//, may: [/^(contracts|imaging|web)\//] },
  { files: /^tests\//, may: [/./] },
];

const root = fileURLToPath(new URL('..', import.meta.url));

/** Unit tests may reach anything below: they stand beside the code but are not of it. */
const isProduct = (file: string): boolean =>
  !/\.test\.ts$|\/testing\/|\/fixtures\/|contract\.test|algorithm-contract\.ts$/.test(file);

function sourceFiles(): string[] {
  const skip = new Set(['node_modules', 'generated', 'out', '.git', 'samples', 'dist']);
  const walk = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      if (skip.has(entry.name)) return [];
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return walk(path);
      return /\.(tsx?|mjs)$/.test(entry.name) ? [relative(root, path)] : [];
    });
  return walk(root).filter((file) => file.includes('/'));
}

/** What a file imports of ours, as paths from the root. */
function ourImports(file: string, text: string): string[] {
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].map((match) => match[1] ?? '');
  return specifiers.flatMap((specifier) => {
    if (specifier.startsWith('.')) return [relative(root, join(root, file, '..', specifier))];
    const match = /^@voxhelm\/([a-z-]+)\/(.+)$/.exec(specifier);
    if (match === null) return [];
    const folder = match[1] === 'gpu-trainer' ? 'workers/gpu-trainer' : match[1];
    return [`${folder}/${match[2]}${/\.(mjs|tsx?)$/.test(match[2] ?? '') ? '' : '.ts'}`];
  });
}

function violations(file: string, text: string): string[] {
  const row = ROWS.find((one) => one.files.test(file));
  if (row === undefined) return [`${file}: stands in no folder that docs/architecture.md knows`];
  return ourImports(file, text)
    .filter((target) => !row.may.some((allowed) => allowed.test(target)))
    .map((target) => `${file} may not import ${target}`);
}

describe('the layers hold', () => {
  const files = sourceFiles().filter(isProduct);

  test('every source file was looked at, in every folder of the house', () => {
    const folders = new Set(files.map((file) => file.split('/')[0]));
    for (const folder of [
      'contracts',
      'storage',
      'imaging',
      'search',
      'nn',
      'algorithms',
      'ensembler',
      'workers',
      'prisma',
      'orchestrator',
      'infra',
      'cli',
      'web',
    ]) {
      expect(folders, folder).toContain(folder);
    }
  });

  test('no file imports what it may not', () => {
    expect(files.flatMap((file) => violations(file, readFileSync(join(root, file), 'utf8')))).toEqual([]);
  });

  test('a planted fault is seen', () => {
    expect(violations('orchestrator/api/app.ts', `import { x } from '@voxhelm/nn/engine';`)).toHaveLength(1);
    expect(violations('imaging/volume.ts', `import type { y } from '../nn/network.ts';`)).toHaveLength(1);
    expect(violations('orchestrator/workflows/run.ts', `import { z } from '../activities/trials.ts';`)).toHaveLength(1);
    expect(violations('algorithms/segresnet/plan.ts', `import { n } from './network.ts';`)).toHaveLength(1);
  });

  test('only algorithms/ asks which algorithm it is', () => {
    const asking = files
      .filter((file) => !file.startsWith('algorithms/') && !file.startsWith('tests/'))
      .filter((file) =>
        /[=!]==\s*['"](segresnet|swinunetr|dints|SegResNetDS)['"]/.test(readFileSync(join(root, file), 'utf8')),
      );
    expect(asking).toEqual([]);
  });
});
