import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { create } from 'tar';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { type ZipEntry, zipOf } from './testing/zip.ts';
import { receiveArchive, removeStaleUploads, UPLOAD_LIMITS, type UploadLimits } from './upload.ts';

const root = mkdtempSync(join(tmpdir(), 'voxhelm-upload-'));
let folder: string;
let count = 0;
beforeEach(() => {
  folder = join(root, 'datasets', `ds_${count++}`);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const receive = (bytes: Buffer, name: string, limits: UploadLimits = UPLOAD_LIMITS) =>
  receiveArchive(Readable.from([bytes]), name, folder, limits);

function tarOf(build: (source: string) => void): Buffer {
  const source = mkdtempSync(join(root, 'source-'));
  build(source);
  return create({ cwd: source, gzip: true, sync: true, portable: true }, readdirSync(source)).read() as Buffer;
}

test('a zip and a tar.gz are unpacked; one folder around the dataset is stepped into, macOS leftovers are left out', async () => {
  const entries: ZipEntry[] = [
    { name: 'Task/dataset.json', content: '{}' },
    { name: 'Task/imagesTr/', content: '', mode: 0o040755 },
    { name: 'Task/imagesTr/a.nii.gz', content: 'voxels' },
    { name: 'Task/imagesTr/._a.nii.gz', content: 'junk' },
    { name: '__MACOSX/x', content: 'junk' },
  ];
  const zipped = await receive(zipOf(entries), 'task.zip');
  expect(relative(folder, zipped.path)).toBe('Task');
  expect(readdirSync(join(zipped.path, 'imagesTr'))).toEqual(['a.nii.gz']);
  expect(readFileSync(join(zipped.path, 'imagesTr', 'a.nii.gz'), 'utf8')).toBe('voxels');

  folder += '-tar';
  const packed = tarOf((source) => {
    mkdirSync(join(source, 'imagesTr'));
    writeFileSync(join(source, 'imagesTr', 'a.nii.gz'), 'voxels');
  });
  const tarred = await receive(packed, 'task.tar.gz');
  expect(tarred.path).toBe(folder);
  expect(readFileSync(join(folder, 'imagesTr', 'a.nii.gz'), 'utf8')).toBe('voxels');
});

const evil: [string, ZipEntry[]][] = [
  ['a path that climbs out', [{ name: '../../evil', content: 'x' }]],
  ['a path that climbs out from within', [{ name: 'a/../../../evil', content: 'x' }]],
  ['an absolute path', [{ name: '/tmp/evil', content: 'x' }]],
  ['a backslash', [{ name: '..\\evil', content: 'x' }]],
  ['a symbolic link', [{ name: 'link', content: '/etc', mode: 0o120777 }]],
  [
    'a name twice',
    [
      { name: 'a', content: '1' },
      { name: 'a', content: '2' },
    ],
  ],
];
test.each(evil)('a zip with %s is refused and leaves nothing behind', async (_what, entries) => {
  await expect(receive(zipOf([{ name: 'ok', content: 'x' }, ...entries]), 'a.zip')).rejects.toMatchObject({
    code: 'invalid-request',
    details: { errors: [{ pointer: '/archive' }] },
  });
  expect(readdirSync(join(root, 'datasets')).filter((name) => folder.endsWith(name))).toEqual([]);
  expect(readdirSync(root)).not.toContain('evil');
});

test('a tar with links or climbing paths is refused', async () => {
  const linked = tarOf((source) => symlinkSync('/etc', join(source, 'link')));
  await expect(receive(linked, 'a.tgz')).rejects.toThrow(/SymbolicLink/);
  const source = mkdtempSync(join(root, 'climb-'));
  writeFileSync(join(source, 'x'), 'x');
  const climbing = create({ cwd: source, gzip: true, sync: true, preservePaths: true, prefix: '../..' }, [
    'x',
  ]).read() as Buffer;
  await expect(receive(climbing, 'a.tar.gz')).rejects.toThrow(/leaves the archive/);
  expect(readdirSync(root)).not.toContain('x');
});

test('a bomb ends at the limit, whichever it breaks', async () => {
  const limits = { ...UPLOAD_LIMITS, archiveBytes: 20_000, unpackedBytes: 50_000, entries: 5 };
  const bomb = tarOf((source) => writeFileSync(join(source, 'zeros'), Buffer.alloc(5_000_000)));
  expect(bomb.length).toBeLessThan(limits.archiveBytes);
  const tooLarge = { statusCode: 413, code: 'invalid-request' };
  await expect(receive(bomb, 'a.tar.gz', limits)).rejects.toMatchObject(tooLarge);
  const many = Array.from({ length: 6 }, (_, i) => ({ name: `f${i}`, content: '' }));
  await expect(receive(zipOf(many), 'a.zip', limits)).rejects.toMatchObject(tooLarge);
  await expect(receive(zipOf([{ name: 'a', content: Buffer.alloc(30_000) }]), 'a.zip', limits)).rejects.toMatchObject(
    tooLarge,
  );
});

test('what is damaged, cut or no archive is refused with its reason', async () => {
  const whole = tarOf((source) => writeFileSync(join(source, 'a'), Buffer.alloc(100_000, 'ab')));
  await expect(receive(Buffer.from('no zip at all'), 'a.zip')).rejects.toMatchObject({ code: 'invalid-request' });
  await expect(receive(whole.subarray(0, whole.length / 2), 'a.tgz')).rejects.toMatchObject({
    code: 'invalid-request',
  });
  await expect(receive(gzipSync('no tar'), 'a.tar.gz')).rejects.toMatchObject({ code: 'invalid-request' });
  await expect(receive(whole, 'a.rar')).rejects.toThrow(/neither .zip nor .tar.gz/);
});

test('leftovers of a dead process go after a day, not before', async () => {
  const stale = join(root, 'datasets', 'ds_dead.incoming');
  mkdirSync(stale, { recursive: true });
  await removeStaleUploads(join(root, 'datasets'));
  expect(readdirSync(join(root, 'datasets'))).toContain('ds_dead.incoming');
  await removeStaleUploads(join(root, 'datasets'), Date.now() + 25 * 3_600_000);
  expect(readdirSync(join(root, 'datasets'))).not.toContain('ds_dead.incoming');
});
