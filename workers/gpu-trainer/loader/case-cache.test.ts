import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrainingVolume } from '@voxhelm/imaging/patch-sampler';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tinyPlan } from '../fixtures/tiny-plan.ts';
import { type CacheCounts, contentKey, openCaseCache, trimCaseCache } from './case-cache.ts';
import type { CaseFiles, ValidationCase } from './messages.ts';
import { openThreadPool, type ThreadPool } from './thread-pool.ts';

const SAMPLES = join(import.meta.dirname, '../../../samples/hippocampus');
const files: CaseFiles = {
  caseId: '003',
  images: [join(SAMPLES, 'imagesTr/hippocampus_003.nii.gz')],
  label: join(SAMPLES, 'labelsTr/hippocampus_003.nii.gz'),
};
const plan = {
  ...tinyPlan(),
  preprocessing: { spacingMm: [1.5, 1, 2] as [number, number, number], normalization: [{ mode: 'zscore' as const }] },
};

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'voxhelm-cases-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

interface Loaded {
  readonly volume: TrainingVolume;
  readonly validation: ValidationCase;
  /** Of this load alone. */
  readonly found: number;
  readonly made: number;
}

/** Loads the case for training and for validation by a pool's one thread. */
async function load(pool: ThreadPool, used = plan): Promise<Loaded> {
  const counts = async () => (await pool.askAll({ type: 'cache-counts' }))[0] as CacheCounts;
  const before = await counts();
  const volume = (await pool.ask({ type: 'load-training', files, plan: used })) as TrainingVolume;
  const validation = (await pool.ask({ type: 'load-validation', files, plan: used })) as ValidationCase;
  const after = await counts();
  expect(after.failure).toBeNull();
  return { volume, validation, found: after.found - before.found, made: after.made - before.made };
}

/** A hash of everything in a value: comparing large arrays element by element takes Vitest a minute. */
function digest(value: unknown): string {
  const bytesOf = (array: NodeJS.TypedArray): string =>
    createHash('sha256')
      .update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
      .digest('hex');
  const replace = (_: string, inner: unknown): unknown =>
    ArrayBuffer.isView(inner) ? `${inner.constructor.name} ${bytesOf(inner as NodeJS.TypedArray)}` : inner;
  return JSON.stringify(value, replace);
}

test('a case that was preprocessed before is taken from the disk, to the last bit and on shared memory', async () => {
  const folder = join(root, 'shared');
  const [without, pool] = [openThreadPool(1), openThreadPool(1, { folder, limitBytes: 1e9 })];
  const otherPlan = {
    ...plan,
    preprocessing: { ...plan.preprocessing, spacingMm: [1, 1, 1] as [number, number, number] },
  };
  try {
    const plain = await load(without);
    const first = await load(pool);
    // The validation's image is the training's: one entry serves all folds.
    expect(first).toMatchObject({ found: 1, made: 2 });
    const second = await load(pool);
    expect(second).toMatchObject({ found: 3, made: 0 });
    for (const { volume, validation } of [first, second]) {
      expect(digest({ volume, validation })).toBe(digest({ volume: plain.volume, validation: plain.validation }));
    }
    expect(second.volume.image.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(second.volume.classes.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect((await load(pool, otherPlan)).made, 'another voxel size is other content').toBe(2);

    // A byte that a disk lost: found out, and made again.
    const [damaged] = (await readdir(folder)).map((name) => join(folder, name));
    const bytes = await readFile(damaged as string);
    bytes[bytes.length - 5] = (bytes[bytes.length - 5] as number) ^ 1;
    await writeFile(damaged as string, bytes);
    const [again, other] = [await load(pool), await load(pool, otherPlan)];
    expect(again.made + other.made).toBe(1);
    expect(digest(again.volume)).toBe(digest(plain.volume));
  } finally {
    await Promise.all([without.close(), pool.close()]);
  }
});

test('the key is of the bytes and of what is done to them, not of names or times', () => {
  const bytes = [Uint8Array.of(1, 2), Uint8Array.of(3)];
  expect(contentKey(['image'], bytes)).toBe(contentKey(['image'], [Uint8Array.of(1, 2), Uint8Array.of(3)]));
  expect(contentKey(['image'], [Uint8Array.of(1), Uint8Array.of(2, 3)])).not.toBe(contentKey(['image'], bytes));
  expect(contentKey(['classes'], bytes)).not.toBe(contentKey(['image'], bytes));
});

test('where nothing can be kept the case is there all the same, and the reason is told', async () => {
  const file = join(root, 'file');
  await writeFile(file, '');
  const cache = openCaseCache({ folder: join(file, 'folder'), limitBytes: 100 });
  const entry = await cache.get('a', () => ({ data: Uint8Array.of(1), about: 2 }));
  expect(entry).toEqual({ data: Uint8Array.of(1), about: 2 });
  expect(cache.counts().failure).toMatch(/ENOTDIR|EEXIST/);
});

test('what was used longest ago goes first, until the rest fits', async () => {
  const folder = join(root, 'limit');
  const cache = openCaseCache({ folder, limitBytes: 1000 });
  for (const [age, key] of ['old', 'middle', 'new'].entries()) {
    await cache.get(key, () => ({ data: new Uint8Array(300), about: null }));
    await utimes(join(folder, `${key}.case`), 1_000_000 + age, 1_000_000 + age);
  }
  await cache.get('old', () => {
    throw new Error('it is in the cache');
  });
  await trimCaseCache({ folder, limitBytes: 2 * (await stat(join(folder, 'new.case'))).size });
  expect((await readdir(folder)).sort()).toEqual(['new.case', 'old.case']);
  await cache.get('large', () => ({ data: new Uint8Array(2000), about: null }));
  expect((await readdir(folder)).length, 'larger than all may be together').toBe(2);
});
