import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Analysis } from '@voxhelm/contracts/analysis';
import { type Datalist, DatasetCheck, type Finding } from '@voxhelm/contracts/dataset';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MadeNifti, makeNifti } from '../testing/make-nifti.ts';
import { checkAndAnalyze } from './check-and-analyze.ts';
import { readDatalist } from './read-datalist.ts';

const SAMPLES = join(import.meta.dirname, '../../samples/hippocampus');

let root: string;
beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'voxhelm-check-')));
});
afterAll(() => rm(root, { recursive: true }));

const AFFINE = [1, 0, 0, 5, 0, 1, 0, 6, 0, 0, 1, 7];
let made = 0;

/** An image of 3 x 4 x 2 voxels that differs from all others, or whatever `facts` say. */
function image(facts: Partial<MadeNifti> = {}): Uint8Array<ArrayBuffer> {
  made += 1;
  const values = Array.from(
    { length: (facts.dims ?? [3, 4, 2]).reduce((product, size) => product * size, 1) },
    (_, index) => index + made * 0.001,
  );
  return makeNifti({ dims: [3, 4, 2], values, datatype: 'float32', sform: AFFINE, ...facts });
}
const label = (facts: Partial<MadeNifti> = {}): Uint8Array<ArrayBuffer> =>
  makeNifti({
    dims: [3, 4, 2],
    values: Array.from({ length: 24 }, (_, index) => index % 3),
    datatype: 'uint8',
    sform: AFFINE,
    ...facts,
  });

interface Made {
  image?: Uint8Array | Uint8Array[] | null;
  label?: Uint8Array | null;
  testing?: boolean;
  id?: string;
  patient?: string;
  fold?: number;
}

/** Writes cases and lists them; null leaves the file out. */
async function datalistOf(cases: Record<string, Made>, facts: Partial<Datalist> = {}): Promise<Datalist> {
  const folder = await mkdtemp(join(root, 'set-'));
  await mkdir(join(folder, 'i'));
  const lists: { training: Datalist['training']; testing: Datalist['testing'] } = { training: [], testing: [] };
  for (const [name, one] of Object.entries(cases)) {
    const images = [one.image === undefined ? image() : one.image].flat();
    const paths = images.map((_, index) => join(folder, 'i', `${name}_${index}.nii`));
    for (const [index, bytes] of images.entries()) if (bytes !== null) await writeFile(paths[index] ?? '', bytes);
    const labelPath = join(folder, `${name}_label.nii`);
    const labelBytes = one.label === undefined ? label() : one.label;
    if (labelBytes !== null) await writeFile(labelPath, labelBytes);
    const noLabel = one.testing === true && labelBytes === null;
    lists[one.testing === true ? 'testing' : 'training'].push({
      caseId: one.id ?? name,
      images: paths,
      label: noLabel ? null : labelPath,
      ...(one.patient === undefined ? {} : { patient: one.patient }),
      ...(one.fold === undefined ? {} : { fold: one.fold }),
    });
  }
  return {
    schemaVersion: 1,
    name: 'made',
    root: folder,
    layout: 'folder',
    modalities: ['MRI'],
    channelNames: ['MRI'],
    labels: [0, 1, 2].map((value) => ({ value, name: `label ${value}` })),
    ...lists,
    ...facts,
  };
}

/** [case, code, severity] of every finding. */
async function findingsOf(
  cases: Record<string, Made>,
  facts: Partial<Datalist> = {},
): Promise<[string, string, string][]> {
  const { check } = await checkAndAnalyze(await datalistOf(cases, facts), { workers: 1 });
  for (const finding of check.findings) {
    expect(finding.message.length).toBeGreaterThan(10);
    expect(finding.fix.length).toBeGreaterThan(10);
    expect(finding.file).toContain(root);
  }
  return check.findings.map((finding: Finding) => [finding.case, finding.code, finding.severity]);
}

describe('the check', () => {
  test('finds nothing in sound cases, a test case without label included', async () => {
    expect(await findingsOf({ a: {}, b: {}, c: { testing: true, label: null } })).toEqual([]);
  });

  const values = (edit: (values: number[]) => void): number[] => {
    const all = Array.from({ length: 24 }, (_, index) => index % 3);
    edit(all);
    return all;
  };
  const faults: [string, Made, [string, string][]][] = [
    ['no image file', { image: null }, [['missing-file', 'error']]],
    ['no label file', { label: null }, [['missing-label', 'error']]],
    ['text instead of an image', { image: new TextEncoder().encode('hello') }, [['unreadable', 'error']]],
    ['a truncated image', { image: image().subarray(0, 380) }, [['unreadable', 'error']]],
    ['a truncated label', { label: label().subarray(0, 370) }, [['unreadable', 'error']]],
    ['a damaged gzip', { image: gzipSync(image()).subarray(0, 60) }, [['unreadable', 'error']]],
    ['a gzip bomb', { image: gzipSync(Buffer.concat([image(), Buffer.alloc(2e6)])) }, [['unreadable', 'error']]],
    ['a label of other shape', { label: label({ dims: [4, 3, 2] }) }, [['shape-mismatch', 'error']]],
    [
      'a label elsewhere',
      { label: label({ sform: AFFINE.map((value, index) => (index === 3 ? 5.002 : value)) }) },
      [['affine-mismatch', 'error']],
    ],
    [
      'a label almost at the place',
      { label: label({ sform: AFFINE.map((value, index) => (index === 3 ? 5.0005 : value)) }) },
      [],
    ],
    [
      'an undeclared label value',
      { label: label({ values: values((all) => all.splice(3, 1, 9)) }) },
      [['label-outside-set', 'error']],
    ],
    [
      'a negative label value',
      { label: label({ datatype: 'int8', values: values((all) => all.splice(3, 1, -1)) }) },
      [['label-outside-set', 'error']],
    ],
    [
      'label values that are not whole',
      { label: label({ datatype: 'float32', values: values((all) => all.splice(3, 1, 0.5)) }) },
      [['label-not-whole', 'error']],
    ],
    ['an empty label', { label: label({ values: Array.from({ length: 24 }, () => 0) }) }, [['label-empty', 'warning']]],
    ['a NaN', { image: image({ values: values((all) => all.splice(5, 1, Number.NaN)) }) }, [['not-finite', 'error']]],
    [
      'an infinity',
      { image: image({ values: values((all) => all.splice(5, 1, Number.POSITIVE_INFINITY)) }) },
      [['not-finite', 'error']],
    ],
    [
      'a constant image',
      { image: image({ values: Array.from({ length: 24 }, () => 4) }) },
      [['constant-image', 'error']],
    ],
    [
      'an empty image',
      { image: image({ values: Array.from({ length: 24 }, () => 0) }) },
      [['constant-image', 'error']],
    ],
    ['two channels where the others have one', { image: image({ dims: [3, 4, 2, 2] }) }, [['channel-count', 'error']]],
    [
      'a singular affine',
      { image: image({ sform: AFFINE.map((value, index) => (index === 0 ? 0 : value)) }) },
      [
        ['suspicious-affine', 'error'],
        ['affine-mismatch', 'error'],
      ],
    ],
    [
      'sform and qform that disagree',
      { image: image({ qform: [0, 0, 0, 5, 6, 9] }) },
      [['suspicious-affine', 'warning']],
    ],
  ];
  test.each(faults)('%s', async (_, fault, expected) => {
    const found = await findingsOf({ sound: {}, other: {}, faulty: fault });
    expect(found).toEqual(expected.map(([code, severity]) => ['faulty', code, severity]));
  });

  test('channels of one image must share a grid, and their number is the declared one', async () => {
    const channels = { modalities: ['MRI' as const, 'MRI' as const], channelNames: ['T1', 'T2'] };
    expect(
      await findingsOf(
        {
          sound: { image: [image(), image()] },
          shape: { image: [image(), image({ dims: [4, 3, 2] })] },
          place: { image: [image(), image({ pixdim: [1, 1, 2], sform: AFFINE.map((value) => value * 2) })] },
          one: {},
          flat: { image: [image(), image({ values: Array.from({ length: 24 }, () => 0) })] },
          gone: { image: [image(), null] as Uint8Array[] },
        },
        channels,
      ),
    ).toEqual([
      ['shape', 'shape-mismatch', 'error'],
      ['place', 'affine-mismatch', 'error'],
      ['one', 'channel-count', 'error'],
      ['flat', 'constant-image', 'warning'],
      ['gone', 'missing-file', 'error'],
    ]);
  });

  test('duplicates: the same id, the same file, and the same content however compressed; the first stays', async () => {
    const twin = image();
    const datalist = await datalistOf({
      a: { image: twin },
      b: {},
      c: { id: 'b' },
      d: { image: gzipSync(twin), testing: true },
    });
    const again = {
      ...datalist,
      training: [...datalist.training, { ...(datalist.training[1] as Datalist['training'][number]) }],
    };
    const { check } = await checkAndAnalyze(again, { workers: 1 });
    expect(check.findings.map((one) => [one.case, one.code, one.message])).toEqual([
      ['b', 'duplicate-case', expect.stringMatching(/same id/)],
      ['b', 'duplicate-case', expect.stringMatching(/same image file/)],
      ['d', 'duplicate-case', expect.stringMatching(/same image content as the training case a/)],
    ]);
    expect(check.cases.map((one) => one.valid)).toEqual([true, true, false, false, false]);
  });

  test('one modality stands for all channels, however the images hold them; the odd case out is still found', async () => {
    const two = (): Made => ({ image: image({ dims: [3, 4, 2, 2] }) });
    const files = (): Made => ({ image: [image(), image()] });
    const datalist = await datalistOf({ a: two(), b: files(), c: { ...two(), testing: true }, odd: {} });
    const { check, analysis } = await checkAndAnalyze(datalist, { workers: 1 });
    expect(check.findings.map((one) => [one.case, one.code, one.message])).toEqual([
      ['odd', 'channel-count', 'the image has 1 channels, most cases have 2'],
    ]);
    expect(check.datalist.modalities).toEqual(['MRI', 'MRI']);
    expect(analysis?.summary.image_stats.channels.max).toBe(2);
  });

  test('duplicates are found however the same values are stored, and not where a value differs', async () => {
    const whole = Array.from({ length: 24 }, (_, index) => index * 3 - 5);
    const half = whole.map((value) => value / 2);
    const store = (values: number[], facts: Partial<MadeNifti>): Made => ({ image: image({ values, ...facts }) });
    const found = await findingsOf({
      a: store(whole, { datatype: 'int16' }),
      bigEndian: store(whole, { datatype: 'int16', littleEndian: false }),
      double: store(whole, { datatype: 'float64', version: 2 }),
      integer: store(whole, { datatype: 'int32' }),
      float: store(whole, { datatype: 'float32', qform: [0, 0, 0, 5, 6, 7] }),
      b: store(half, { datatype: 'float32' }),
      scaled: store(whole, { datatype: 'int16', slope: 0.5 }),
      other: store([...whole.slice(1), -5], { datatype: 'int16' }),
    });
    expect(found.map(([subject, code]) => `${subject} ${code}`)).toEqual(
      ['bigEndian', 'double', 'integer', 'float', 'scaled'].map((subject) => `${subject} duplicate-case`),
    );
  });

  test('channels in files of their own and in one file are the same image', async () => {
    const [first, second] = [1, 2].map((factor) => Array.from({ length: 24 }, (_, index) => index * factor)) as [
      number[],
      number[],
    ];
    const found = await findingsOf({
      files: { image: [image({ values: first }), image({ values: second })] },
      file: { image: image({ dims: [3, 4, 2, 2], values: [...first, ...second] }) },
    });
    expect(found).toEqual([['file', 'duplicate-case', 'error']]);
  });

  test('a patient in training and in testing, or in two given folds, is torn: the later cases are refused', async () => {
    const torn = { patient: '7', testing: true };
    expect(
      await findingsOf({ a: { patient: '7' }, b: { patient: '7' }, c: torn, d: { patient: '8', testing: true } }),
    ).toEqual([['c', 'torn-patient', 'error']]);
    const folds = { a: { patient: '7', fold: 0 }, b: { patient: '8', fold: 1 }, c: { patient: '7', fold: 1 } };
    expect(await findingsOf(folds)).toEqual([['c', 'torn-patient', 'error']]);
    const patients = { a: { patient: '7' }, b: { patient: '8' }, c: { patient: '7' } };
    expect(await findingsOf(patients, { validationSplits: [['a'], ['b', 'c']] })).toEqual([
      ['c', 'torn-patient', 'error'],
    ]);
    expect(await findingsOf(patients, { validationSplits: [['a', 'c'], ['b']] })).toEqual([]);
  });

  test('what the lists themselves say wrong is among the findings and refuses the case', async () => {
    const conflict = { severity: 'error', code: 'split-conflict', fix: 'Keep it once.', file: 'splits.json' } as const;
    const findings: Finding[] = ['b', 'nobody'].map((name) => ({ ...conflict, case: name, message: 'in both' }));
    const { check } = await checkAndAnalyze(await datalistOf({ a: {}, b: {} }, { findings }), { workers: 1 });
    expect(check.findings).toEqual(findings);
    expect(check.cases.map(({ valid }) => valid)).toEqual([true, false]);
  });

  test('without a modality the dataset as a whole is warned of', async () => {
    const datalist = await datalistOf({ a: {} }, { modalities: [], channelNames: [] });
    const { check } = await checkAndAnalyze(datalist, { workers: 1 });
    expect(check.findings).toMatchObject([{ case: '', code: 'modality-unknown', severity: 'warning' }]);
    expect(check.findings[0]?.fix).toContain('`modality`');
    expect(check.cases[0]?.valid).toBe(true);
  });

  test('names all faults of a case at once', async () => {
    const broken: Made = {
      image: image({ values: Array.from({ length: 24 }, () => Number.NaN) }),
      label: label({
        dims: [4, 3, 2],
        values: Array.from({ length: 24 }, (_, index) => index),
        sform: AFFINE.map((value) => value * 3),
      }),
    };
    const found = await findingsOf({ sound: {}, broken });
    expect(found.map(([, code]) => code)).toEqual([
      'not-finite',
      'label-outside-set',
      'shape-mismatch',
      'affine-mismatch',
    ]);
  });

  test('without declared labels any whole value is one', async () => {
    expect(
      await findingsOf(
        { a: { label: label({ values: Array.from({ length: 24 }, (_, index) => index) }) } },
        { labels: [] },
      ),
    ).toEqual([]);
  });
});

describe('check and analysis together', () => {
  test('the samples: valid, analysed, the same on one thread and on several', async () => {
    const datalist = await readDatalist(SAMPLES);
    const seen: number[] = [];
    const one = await checkAndAnalyze(datalist, { workers: 1, onProgress: (done, total) => seen.push(done / total) });
    expect([seen.length, seen.at(-1)]).toEqual([32, 1]);
    expect(DatasetCheck.parse(one.check).findings).toEqual([]);
    expect(Analysis.parse(one.analysis).summary.n_cases).toBe(24);
    // Twice as often, so that there are enough bytes for a second thread to pay.
    const many = { ...datalist, training: Array.from({ length: 8 }, () => datalist.training).flat() };
    const [first, second] = [await checkAndAnalyze(many, { workers: 1 }), await checkAndAnalyze(many, { workers: 3 })];
    expect(second).toEqual(first);
    expect(first.analysis?.cases.length).toBe(24);
    expect(first.check.fingerprint).toBe(one.check.fingerprint);
  });

  test('the fingerprint names the data, not its place nor its order; another file is another dataset', async () => {
    const datalist = await datalistOf({ a: {}, b: {}, c: { testing: true, label: null } });
    const print = async (list: Datalist): Promise<string> => (await checkAndAnalyze(list)).check.fingerprint;
    const before = await print(datalist);
    expect(await print({ ...datalist, name: 'other', training: [...datalist.training].reverse() })).toBe(before);
    await writeFile(datalist.training[0]?.images[0] ?? '', image());
    expect(await print(datalist)).not.toBe(before);
  });

  test('only valid training cases are analysed; none at all gives no analysis', async () => {
    const cases = { good: {}, bad: { label: null }, test: { testing: true } };
    const { check, analysis } = await checkAndAnalyze(await datalistOf(cases));
    expect(analysis?.cases.map((one) => one.caseId)).toEqual(['good']);
    expect(check.cases.map(({ caseId, valid, shape, spacingMm }) => [caseId, valid, shape, spacingMm])).toEqual([
      ['good', true, [3, 4, 2], [1, 1, 1]],
      ['bad', false, [3, 4, 2], [1, 1, 1]],
      ['test', true, [3, 4, 2], [1, 1, 1]],
    ]);
    expect((await checkAndAnalyze(await datalistOf({ bad: { label: null } }))).analysis).toBeNull();
  });

  test('an abort ends it', async () => {
    const datalist = await readDatalist(SAMPLES);
    const controller = new AbortController();
    const running = checkAndAnalyze(datalist, {
      signal: controller.signal,
      onProgress: (done) => done === 3 && controller.abort(),
    });
    await expect(running).rejects.toMatchObject({ code: 'cancelled', message: expect.stringMatching(/after 3 of 32/) });
  });
});
