import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Analysis } from '@voxhelm/contracts/analysis';
import { DatasetCheck } from '@voxhelm/contracts/dataset';
import { readDatalist } from '@voxhelm/imaging/datasets/read-datalist';
import { folderStore, readJson } from '@voxhelm/storage/artifact-store';
import { describe, expect, it } from 'vitest';
import type { Heartbeat } from '../messages.ts';
import { analyze, overrideDatalist } from './analyze.ts';
import type { JobContext } from './context.ts';

const SAMPLES = fileURLToPath(new URL('../../../samples/hippocampus', import.meta.url));

function contextIn(root: string, progress: JobContext['progress'] = () => undefined): JobContext {
  return {
    store: folderStore(root),
    settings: { url: 'http://127.0.0.1:9', apiKey: undefined, artifacts: root, caseCache: null },
    attempt: 1,
    smaller: 0,
    smallerWhy: 'memory',
    after: null,
    signal: new AbortController().signal,
    progress,
    log: () => undefined,
    startedAtMs: 0,
  };
}

describe('the analyze job', () => {
  it('checks the sample dataset, stores check and statistics, and names the device', async () => {
    const root = await mkdtemp(join(tmpdir(), 'voxhelm-analyze-'));
    const { store } = contextIn(root);
    const beats: Heartbeat[] = [];
    const result = await analyze(
      { kind: 'analyze', datasetPath: SAMPLES, modality: null, labels: { '1': 'A', '2': 'P' }, artifactPrefix: 'd/1' },
      contextIn(root, (beat) => beats.push(beat)),
    );
    expect(result).toMatchObject({ validTrainingCases: 24, validTestingCases: 8, errors: 0 });
    expect(result.device.cores).toBeGreaterThan(0);
    const check = await readJson(store, result.check, DatasetCheck);
    expect(check.datalist.labels.map((label) => label.name)).toEqual(['background', 'A', 'P']);
    if (result.analysis === null) throw new Error('the analysis is missing');
    expect((await readJson(store, result.analysis, Analysis)).summary.n_cases).toBe(24);
    expect(beats.at(-1)).toMatchObject({ phase: 'analyzing', done: 32, total: 32 });
    await rm(root, { recursive: true });
  });

  it('puts a list of modalities that the images have not the channels for down to the request, not to the images', async () => {
    const root = await mkdtemp(join(tmpdir(), 'voxhelm-channels-'));
    const names = ['hippocampus_001', 'hippocampus_003'];
    for (const name of names)
      for (const folder of ['imagesTr', 'labelsTr'])
        await cp(join(SAMPLES, folder, `${name}.nii.gz`), join(root, folder, `${name}.nii.gz`));
    const training = names.map((name) => ({ image: `imagesTr/${name}.nii.gz`, label: `labelsTr/${name}.nii.gz` }));
    await writeFile(join(root, 'dataset.json'), JSON.stringify({ modality: { 0: 'MRI' }, labels: {}, training }));
    const modality: ('CT' | 'PET')[] = ['CT', 'PET'];
    const job = { kind: 'analyze' as const, datasetPath: root, modality, labels: null, artifactPrefix: 'd/2' };
    await expect(analyze(job, contextIn(join(root, 'artifacts')))).rejects.toMatchObject({
      code: 'invalid-request',
      message: '"modality" names 2 channels (CT, PET), the dataset\'s images have 1',
      details: { field: 'modality' },
    });
    await rm(root, { recursive: true });
  });

  it('lets the user say modality and labels, but not for channels that are not there', async () => {
    const datalist = {
      ...(await readDatalist(SAMPLES)),
      channelNames: ['a', 'b'],
      modalities: ['MRI', 'MRI'] as const,
    };
    const said = (modality: 'CT' | ('CT' | 'PET')[]) =>
      overrideDatalist({ ...datalist, modalities: [...datalist.modalities] }, { modality, labels: null }).modalities;
    expect(said('CT')).toEqual(['CT', 'CT']);
    expect(said(['CT', 'PET'])).toEqual(['CT', 'PET']);
    // One name in the dataset says nothing of the number of channels.
    const brats = { ...datalist, channelNames: ['MRI'], modalities: ['MRI' as const] };
    expect(overrideDatalist(brats, { modality: ['CT', 'PET'], labels: null }).modalities).toEqual(['CT', 'PET']);
    expect(() => said(['CT'])).toThrow(expect.objectContaining({ code: 'invalid-request' }));
  });
});
