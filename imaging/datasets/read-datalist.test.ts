import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Datalist } from '@voxhelm/contracts/dataset';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { modalityOf } from './modality.ts';
import { readDatalist } from './read-datalist.ts';

let root: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'voxhelm-datalist-')));
});
afterEach(() => rm(root, { recursive: true }));

/** Writes files below the temporary folder; objects as JSON. */
async function put(files: Record<string, unknown>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
}

/** Reads the datalist and holds it against the contract. */
async function read(path = ''): Promise<Datalist> {
  return Datalist.parse(await readDatalist(join(root, path)));
}

const ids = (cases: Datalist['training']): string[] => cases.map((one) => one.caseId);

describe('Decathlon', () => {
  const file = {
    name: 'Task',
    licence: 'CC-BY-SA 4.0',
    modality: { '1': 'CT', '0': 'T1w' },
    labels: { '0': 'background', '2': 'tail', '1': 'head' },
    numTraining: 2,
    training: [
      { image: './imagesTr/a.nii.gz', label: './labelsTr/a.nii.gz' },
      { image: 'imagesTr/b.nii', label: 'labelsTr/b.nii', fold: 1, patient: 7 },
    ],
    test: ['./imagesTs/c.nii.gz', { image: 'imagesTs/d.nii.gz', label: 'labelsTs/d.nii.gz' }],
  };

  test('by folder and by file: cases, channels in order, labels by value, test cases of either form', async () => {
    await put({ 'dataset.json': file });
    const datalist = await read();
    expect(await read('dataset.json')).toEqual(datalist);
    expect(datalist).toMatchObject({
      name: 'Task',
      layout: 'decathlon',
      root,
      licence: 'CC-BY-SA 4.0',
      modalities: ['MRI', 'CT'],
      channelNames: ['T1w', 'CT'],
    });
    expect(datalist.labels.map((label) => label.name)).toEqual(['background', 'head', 'tail']);
    expect(datalist.training).toEqual([
      { caseId: 'a', images: [join(root, 'imagesTr/a.nii.gz')], label: join(root, 'labelsTr/a.nii.gz') },
      {
        caseId: 'b',
        images: [join(root, 'imagesTr/b.nii')],
        label: join(root, 'labelsTr/b.nii'),
        fold: 1,
        patient: '7',
      },
    ]);
    expect(datalist.testing.map((one) => [one.caseId, one.label])).toEqual([
      ['c', null],
      ['d', join(root, 'labelsTs/d.nii.gz')],
    ]);
  });

  test('the sample dataset', async () => {
    const datalist = await readDatalist(join(import.meta.dirname, '../../samples/hippocampus'));
    expect([datalist.training.length, datalist.testing.length, datalist.modalities]).toEqual([24, 8, ['MRI']]);
  });

  test('a wrong field is named', async () => {
    await put({ 'dataset.json': { ...file, training: [{ label: 'x.nii' }] } });
    await expect(read()).rejects.toMatchObject({
      code: 'invalid-request',
      message: expect.stringMatching(/training\[0\]\.image/),
    });
    await put({ 'dataset.json': { ...file, labels: { zero: 'background' } } });
    await expect(read()).rejects.toMatchObject({ code: 'invalid-request', message: expect.stringMatching(/"zero"/) });
    await put({ 'dataset.json': '{' });
    await expect(read()).rejects.toMatchObject({ code: 'invalid-request', message: expect.stringMatching(/no JSON/) });
  });

  test('paths out of the folder are refused by name: up, absolute, and through a link', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'voxhelm-outside-'));
    await writeFile(join(outside, 'x.nii'), '');
    await put({ 'imagesTr/keep': '' });
    await symlink(join(outside, 'x.nii'), join(root, 'imagesTr/link.nii'));
    for (const image of [
      '../x.nii',
      '/etc/passwd',
      join(outside, 'x.nii'),
      'imagesTr/link.nii',
      `${root}-twin/x.nii`,
    ]) {
      await put({ 'dataset.json': { ...file, training: [{ image, label: 'l.nii' }] } });
      await expect(read()).rejects.toMatchObject({
        code: 'invalid-request',
        message: expect.stringMatching(/training\[0\]\.image.*outside/),
        details: { entry: image },
      });
    }
    await put({ 'dataset.json': { ...file, training: [{ image: join(root, 'x.nii'), label: 'l.nii' }] } });
    expect(ids((await read()).training)).toEqual(['x']);
    await rm(outside, { recursive: true });
  });
});

describe('nnU-Net v2', () => {
  const file = {
    channel_names: { '0': 'CT', '1': 'PET' },
    labels: { background: 0, liver: 1, lesion: 2 },
    numTraining: 2,
    file_ending: '.nii.gz',
  };
  const files = {
    'imagesTr/one_0000.nii.gz': '',
    'imagesTr/one_0001.nii.gz': '',
    'imagesTr/two_0000.nii.gz': '',
    'imagesTr/._one_0000.nii.gz': 'left by macOS',
    'labelsTr/one.nii.gz': '',
    'labelsTr/two.nii.gz': '',
    'imagesTs/three_0000.nii.gz': '',
    'imagesTs/three_0001.nii.gz': '',
  };

  test('one file per channel, missing ones named all the same, test cases without labels', async () => {
    await put({ 'dataset.json': file, ...files });
    const datalist = await read();
    expect(datalist).toMatchObject({
      layout: 'nnunet',
      modalities: ['CT', 'PET'],
      labels: [{ value: 0 }, { value: 1, name: 'liver' }, { value: 2 }],
    });
    expect(datalist.training.map((one) => [one.caseId, one.images.map((path) => path.slice(root.length + 1))])).toEqual(
      [
        ['one', ['imagesTr/one_0000.nii.gz', 'imagesTr/one_0001.nii.gz']],
        ['two', ['imagesTr/two_0000.nii.gz', 'imagesTr/two_0001.nii.gz']],
      ],
    );
    expect(datalist.testing.map((one) => [one.caseId, one.label])).toEqual([['three', null]]);
    expect(datalist.validationSplits).toBeUndefined();
  });

  test('splits_final.json is kept, in the folder or beside it; what contradicts itself in it is found', async () => {
    const raw = Object.fromEntries(
      Object.entries({ 'dataset.json': file, ...files }).map(([name, content]) => [`raw/${name}`, content]),
    );
    const splits = [
      { train: ['one'], val: ['two'] },
      { train: ['two'], val: ['one'] },
    ];
    await put({ ...raw, 'splits_final.json': splits });
    expect((await read('raw')).validationSplits).toEqual([['two'], ['one']]);
    expect((await read('raw')).findings).toBeUndefined();
    await put({
      'raw/splits_final.json': [
        { train: ['one', 'nobody'], val: ['two', 'one'] },
        { train: [], val: ['two'] },
      ],
    });
    const datalist = await read('raw');
    expect(datalist.findings?.map(({ case: subject, code, severity }) => [subject, code, severity])).toEqual([
      ['nobody', 'split-conflict', 'error'],
      ['one', 'split-conflict', 'error'],
      ['two', 'split-conflict', 'error'],
    ]);
    expect(datalist.findings?.map(({ message }) => message)).toEqual([
      expect.stringMatching(/names it in fold 0, but imagesTr has no such case/),
      expect.stringMatching(/under train and under val of fold 0/),
      expect.stringMatching(/validates it in folds 0, 1/),
    ]);
    expect(datalist.findings?.[0]?.file).toBe(join(root, 'raw/splits_final.json'));
    // For a run with skipInvalid: each case at most once, and only those that are there.
    expect(datalist.validationSplits).toEqual([['two', 'one'], []]);
    await put({ 'raw/splits_final.json': [{ val: ['one'] }] });
    await expect(read('raw')).rejects.toMatchObject({ message: expect.stringMatching(/train/) });
  });

  test('regions become the values in them; an ignore label is no class; other file types are refused', async () => {
    await put({ 'dataset.json': { ...file, labels: { background: 0, whole: [1, 2], core: 2 } }, ...files });
    expect((await read()).labels).toEqual([
      { value: 0, name: 'background' },
      { value: 1, name: 'whole' },
      { value: 2, name: 'core' },
    ]);
    expect((await read()).labelGroups).toEqual([
      { name: 'whole', values: [1, 2], writes: 1 },
      { name: 'core', values: [2], writes: 2 },
    ]);
    // One region of two values alone tells them not apart: the values are classes.
    await put({ 'dataset.json': { ...file, labels: { background: 0, whole: [1, 2] } }, ...files });
    expect(await read()).not.toHaveProperty('labelGroups');
    await put({ 'dataset.json': { ...file, labels: { background: 0, liver: 1, ignore: 2 } } });
    expect(await read()).toMatchObject({ labels: [{ value: 0 }, { value: 1, name: 'liver' }], ignoreLabel: 2 });
    await put({ 'dataset.json': { ...file, labels: { background: 0, ignore: 1, liver: 2 } } });
    await expect(read()).rejects.toMatchObject({ message: expect.stringMatching(/"ignore" is 1; .* go up to 2/) });
    await put({ 'dataset.json': { ...file, file_ending: '.png' } });
    await expect(read()).rejects.toMatchObject({ message: expect.stringMatching(/file_ending.*\.png/) });
  });
});

describe('Auto3DSeg', () => {
  const list = {
    training: [
      { fold: 0, image: ['p1/t1.nii.gz', 'p1/t2.nii.gz'], label: 'p1/seg.nii.gz' },
      { fold: 1, image: ['p2/t1.nii.gz', 'p2/t2.nii.gz'], label: 'p2/seg.nii.gz' },
    ],
    testing: ['p3/t1.nii.gz', { image: 'p4/t1.nii.gz' }],
  };
  const task =
    'name: brain\nmodality: [MRI, CT]\ndatalist: lists/list.json\ndataroot: data\nclass_names: [head, {name: tail, index: [2]}]\n';

  test('by task file and by the folder that holds it', async () => {
    await put({ 'task.yaml': task, 'lists/list.json': list, 'data/p1/t1.nii.gz': '' });
    const datalist = await read('task.yaml');
    expect(await read()).toEqual(datalist);
    expect(datalist).toMatchObject({
      name: 'brain',
      layout: 'auto3dseg',
      root: join(root, 'data'),
      modalities: ['MRI', 'CT'],
    });
    expect(datalist.labels.map((label) => label.name)).toEqual(['background', 'head', 'tail']);
    // All files are called alike: the folder tells the cases apart.
    expect(ids(datalist.training)).toEqual(['p1_t1', 'p2_t1']);
    expect(datalist.training.map((one) => one.fold)).toEqual([0, 1]);
    expect(datalist.training[0]?.images).toEqual(['t1', 't2'].map((name) => join(root, `data/p1/${name}.nii.gz`)));
    expect(ids(datalist.testing)).toEqual(['p3_t1', 'p4_t1']);
  });

  test('groups of class_names that overlap are told apart together; the larger is written first', async () => {
    const groups =
      'class_names: [{name: core, index: [1, 4]}, {name: whole, index: [1, 2, 4]}, {name: inmost, index: [4]}]\n';
    await put({
      'task.yaml': task.replace(/class_names.*\n/, groups),
      'lists/list.json': list,
      'data/p1/t1.nii.gz': '',
    });
    expect(await read('task.yaml')).toMatchObject({
      labels: [
        { value: 0, name: 'background' },
        { value: 1, name: 'core' },
        { value: 2, name: 'whole' },
        { value: 4, name: 'inmost' },
      ],
      labelGroups: [{ writes: 2 }, { writes: 1 }, { writes: 4 }],
    });
    const apart = 'class_names: [{name: tail, index: [3]}, {name: head, index: [1]}]\n';
    await put({ 'task.yaml': task.replace(/class_names.*\n/, apart) });
    const datalist = await read('task.yaml');
    expect(datalist.labels.map(({ value, name }) => `${value} ${name}`).sort()).toEqual([
      '0 background',
      '1 head',
      '3 tail',
    ]);
    expect(datalist).not.toHaveProperty('labelGroups');
  });

  test('by the datalist alone, whatever its name', async () => {
    await put({ 'folds.json': list, 'notes.json': { about: 'nothing' } });
    expect(await read()).toEqual(await read('folds.json'));
    expect(await read()).toMatchObject({ layout: 'auto3dseg', modalities: [], labels: [] });
  });

  test('a validation list without folds is one ready-made split', async () => {
    await put({
      'list.json': {
        training: [{ image: 'a.nii', label: 'al.nii' }],
        validation: [{ image: 'b.nii', label: 'bl.nii' }],
      },
    });
    const datalist = await read('list.json');
    expect([ids(datalist.training), datalist.validationSplits]).toEqual([['a', 'b'], [['b']]]);
  });

  test('a gap between folds, a missing key and a missing file are named', async () => {
    await put({ 'list.json': { training: [0, 2].map((fold) => ({ fold, image: `${fold}.nii` })) } });
    await expect(read('list.json')).rejects.toMatchObject({ message: expect.stringMatching(/leave out 1/) });
    await put({ 'task.yaml': 'datalist: x.json\ndataroot: .\n' });
    await expect(read('task.yaml')).rejects.toMatchObject({ message: expect.stringMatching(/modality/) });
    await put({ 'task.yaml': 'modality: CT\ndatalist: x.json\ndataroot: .\n' });
    await expect(read('task.yaml')).rejects.toMatchObject({
      message: expect.stringMatching(/datalist: .*x\.json does not exist/),
    });
    await put({ 'task.yaml': 'modality: [CT\n' });
    await expect(read('task.yaml')).rejects.toMatchObject({ message: expect.stringMatching(/no YAML/) });
  });
});

test('ids are made over all lists of a datalist: one file is one case, files of one name are several', async () => {
  const item = (folder: string): object => ({ image: `${folder}/image.nii`, label: `${folder}/label.nii` });
  await put({
    'list.json': { training: [item('p0'), item('p1')], validation: [item('p1'), item('p2')], testing: [item('p3')] },
  });
  const datalist = await read('list.json');
  expect(ids(datalist.training)).toEqual(['p0_image', 'p1_image', 'p2_image']);
  expect(datalist.validationSplits).toEqual([['p1_image', 'p2_image']]);
  expect(datalist.findings).toMatchObject([{ case: 'p1_image', code: 'split-conflict', severity: 'error' }]);
  expect(ids(datalist.testing)).toEqual(['p3_image']);
});

describe('a plain folder', () => {
  test('image and label share a name; a number behind it counts channels; what has no partner is still a case', async () => {
    await put({
      'imagesTr/a.nii.gz': '',
      'imagesTr/b_0001.nii': '',
      'imagesTr/b_0000.nii': '',
      'imagesTr/.hidden.nii': '',
      'imagesTr/readme.txt': '',
      'labelsTr/a.nii.gz': '',
      'labelsTr/b.nii': '',
      'labelsTr/orphan.nii.gz': '',
      'imagesTs/c.nii.gz': '',
    });
    const datalist = await read();
    expect(datalist).toMatchObject({ layout: 'folder', labels: [], modalities: [] });
    expect(ids(datalist.training)).toEqual(['a', 'b', 'orphan']);
    expect(datalist.training[1]?.images.map((path) => path.slice(root.length))).toEqual([
      '/imagesTr/b_0000.nii',
      '/imagesTr/b_0001.nii',
    ]);
    expect(datalist.testing.map((one) => [one.caseId, one.label])).toEqual([['c', null]]);
  });

  test('a test case may bear the name of a training case that is another file', async () => {
    await put({
      'imagesTr/a.nii': '',
      'labelsTr/a.nii': '',
      'imagesTs/a.nii': '',
      'imagesTs/b.nii': '',
      'labelsTs/a.nii': '',
    });
    const { training, testing } = await read();
    expect(ids(training)).toEqual(['a']);
    expect(ids(testing)).toEqual(['imagesTs_a', 'b']);
    expect(testing[0]?.label).toBe(join(root, 'labelsTs/a.nii'));
  });

  test('what is no dataset is refused with what would be one', async () => {
    const refused = { code: 'invalid-request', fix: expect.stringMatching(/imagesTr/) };
    await expect(read()).rejects.toMatchObject(refused);
    await expect(read('nowhere')).rejects.toMatchObject(refused);
    await put({ 'a.json': { training: [] }, 'b.json': { training: [] } });
    await expect(read()).rejects.toMatchObject({
      message: expect.stringMatching(/several datalists: a\.json, b\.json/),
    });
    await put({ 'imagesTr/notes.txt': '' });
  });
});

test('modalities by the names that datasets use', () => {
  expect(['CT', 'ct', 'T1w', 'T2', 'FLAIR', 'MRI', 'MR', 'ADC', 'PET', 'noNorm'].map(modalityOf)).toEqual([
    'CT',
    'CT',
    'MRI',
    'MRI',
    'MRI',
    'MRI',
    'MRI',
    'MRI',
    'PET',
    'other',
  ]);
});
