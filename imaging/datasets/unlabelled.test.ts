import { copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { casesToAdd } from './cases-to-add.ts';
import { checkAndAnalyze } from './check-and-analyze.ts';
import { readDatalist } from './read-datalist.ts';
import { findCase, labelPathOf, placesOfNewCase } from './unlabelled.ts';

const SAMPLES = join(import.meta.dirname, '../../samples/hippocampus');

let folder: string;
let names: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxhelm-unlabelled-'));
  names = (await readdir(join(SAMPLES, 'imagesTr'))).sort();
  for (const place of ['imagesTr', 'labelsTr', 'imagesUn']) await mkdir(join(folder, place));
  for (const name of names.slice(0, 3)) await labelled(name);
});
afterEach(() => rm(folder, { recursive: true }));

async function labelled(name: string): Promise<void> {
  for (const place of ['imagesTr', 'labelsTr']) await copyFile(join(SAMPLES, place, name), join(folder, place, name));
}

const check = async (known?: Awaited<ReturnType<typeof checkAndAnalyze>>, heldOut: readonly string[] = []) => {
  // As after a request's `modality`, of which a folder says nothing.
  const datalist = { ...(await readDatalist(folder)), modalities: ['MRI' as const] };
  const found = await checkAndAnalyze(datalist, {
    workers: 1,
    ...(known?.analysis ? { known: { ...known, analysis: known.analysis } } : {}),
    heldOut: heldOut.map((caseId) => ({ caseId, sha256: null })),
  });
  return { ...found, roles: found.check.cases.map(({ caseId, role, valid }) => [caseId, role, valid]) };
};
const idOf = (name: string | undefined): string => (name ?? '').replace('.nii.gz', '');

test('images in imagesUn are unlabelled cases: no fault, no change of the fingerprint, and cases once labelled', async () => {
  const before = await check();
  const waiting = names[5] as string;
  await copyFile(join(SAMPLES, 'imagesTr', waiting), join(folder, 'imagesUn', waiting));
  await writeFile(join(folder, 'imagesUn', 'broken.nii.gz'), 'no image');
  const found = await check();
  expect(found.roles.slice(3)).toEqual([
    ['broken', 'unlabelled', false],
    [idOf(waiting), 'unlabelled', true],
  ]);
  expect(found.check.findings.map(({ case: one, severity }) => [one, severity])).toEqual([['broken', 'warning']]);
  expect(found.check.fingerprint).toBe(before.check.fingerprint);
  expect(found.analysis?.cases).toHaveLength(3);
  await copyFile(join(SAMPLES, 'labelsTr', waiting), join(folder, 'labelsTr', waiting));
  expect((await check()).roles.at(3)).toEqual([idOf(waiting), 'training', true]);
});

test('only what changed is computed again, and the outcome is the same as of a whole check', async () => {
  const before = await check();
  await labelled(names[3] as string);
  // Another label for a known case: corrected.
  await rename(join(folder, 'labelsTr', names[0] as string), join(folder, 'labelsTr', 'x.nii.gz'));
  await copyFile(join(SAMPLES, 'labelsTr', names[0] as string), join(folder, 'labelsTr', names[0] as string));
  await rm(join(folder, 'labelsTr', 'x.nii.gz'));
  await copyFile(join(folder, 'imagesTr', names[1] as string), join(folder, 'imagesTr', 'copy.nii.gz'));
  await copyFile(join(folder, 'labelsTr', names[1] as string), join(folder, 'labelsTr', 'copy.nii.gz'));
  const whole = await check();
  const partly = await check(before);
  expect(partly.reusedCases).toBe(3);
  expect(whole.reusedCases).toBe(0);
  expect({ ...partly, reusedCases: 0 }).toEqual(whole);
  expect(partly.check.findings.map(({ code }) => code)).toEqual(['duplicate-case']);
});

test('a new case takes the names that its layout reads: one file a channel where the others have them', async () => {
  const byFile = await readDatalist(folder);
  expect(placesOfNewCase(byFile, 'new', ['x.nii'])).toEqual({
    images: ['imagesUn/new.nii'],
    label: 'labelsTr/new.nii',
  });
  expect(placesOfNewCase(byFile, 'new', ['x.nii.gz', 'y.nii.gz'])).toBeNull();
  for (const name of names.slice(0, 3))
    await rename(join(folder, 'imagesTr', name), join(folder, 'imagesTr', `${idOf(name)}_0000.nii.gz`));
  const json = { channel_names: { 0: 'T1' }, labels: { background: 0, head: 1, tail: 2 }, file_ending: '.nii.gz' };
  await writeFile(join(folder, 'dataset.json'), JSON.stringify(json));
  const places = placesOfNewCase(await readDatalist(folder), 'new', ['x.nii.gz']);
  expect(places).toEqual({ images: ['imagesUn/new_0000.nii.gz'], label: 'labelsTr/new.nii.gz' });
  const name = names[6] as string;
  await copyFile(join(SAMPLES, 'imagesTr', name), join(folder, 'imagesUn', 'new_0000.nii.gz'));
  const waiting = findCase(await readDatalist(folder), 'new');
  expect(waiting?.role).toBe('unlabelled');
  const label = labelPathOf(folder, 'unlabelled', waiting?.found ?? { caseId: '', images: [], label: null });
  expect(label).toBe(join(folder, 'labelsTr', 'new.nii.gz'));
  await copyFile(join(SAMPLES, 'labelsTr', name), label ?? '');
  expect((await check()).roles.at(3)).toEqual(['new', 'training', true]);
});

test('an unlabelled image with the name of another case has no place for a label, which would be the other’s', async () => {
  const name = names[0] as string;
  await copyFile(join(SAMPLES, 'imagesTr', names[6] as string), join(folder, 'imagesUn', name));
  const { role, found } = findCase(await readDatalist(folder), `imagesUn_${idOf(name)}`) ?? {};
  expect(role).toBe('unlabelled');
  expect(labelPathOf(folder, 'unlabelled', found ?? { caseId: '', images: [], label: null })).toBeNull();
});

test('cases to add are read from a dataset of any layout or from images alone', async () => {
  await copyFile(join(SAMPLES, 'imagesTr', names[5] as string), join(folder, 'imagesUn', names[5] as string));
  await rm(join(folder, 'labelsTr', names[2] as string));
  const { cases } = await casesToAdd(folder);
  expect(cases.map(({ caseId, label }) => [caseId, label !== null])).toEqual([
    [idOf(names[0]), true],
    [idOf(names[1]), true],
    [idOf(names[2]), false],
    [idOf(names[5]), false],
  ]);
  const alone = join(folder, 'alone');
  await mkdir(alone);
  for (const name of ['p_0000.nii.gz', 'p_0001.nii.gz', 'q_2024.nii.gz']) await writeFile(join(alone, name), '');
  const found = (await casesToAdd(alone)).cases;
  expect(found.map(({ caseId, images, label }) => [caseId, images.length, label])).toEqual([
    ['p', 2, null],
    ['q_2024', 1, null],
  ]);
  await expect(casesToAdd(join(folder, 'labelVersions'))).rejects.toMatchObject({ code: 'invalid-request' });
});

test('a case that is held out is checked, but the summary is that of the others, also where the cases are known', async () => {
  const odd = names[3] as string;
  await labelled(odd);
  const all = await check();
  await rm(join(folder, 'imagesTr', odd));
  await rm(join(folder, 'labelsTr', odd));
  const others = await check();
  await labelled(odd);
  for (const held of [await check(undefined, [idOf(odd)]), await check(all, [idOf(odd)])]) {
    expect(held.analysis?.summary).toEqual(others.analysis?.summary);
    expect(held.analysis?.summary).not.toEqual(all.analysis?.summary);
    expect(held.analysis?.cases).toEqual(all.analysis?.cases);
    expect(held.roles).toEqual(all.roles);
    expect(held.foregrounds.size).toBe(4);
  }
  expect((await check(all, names.slice(0, 4).map(idOf))).analysis).toBeNull();
});
