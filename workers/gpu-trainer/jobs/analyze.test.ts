import { mkdtemp, rm } from 'node:fs/promises';
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

const SAMPLES = fileURLToPath(new URL('../../../samples/hippocampus', import.meta.url));

describe('the analyze job', () => {
  it('checks the sample dataset, stores check and statistics, and names the device', async () => {
    const root = await mkdtemp(join(tmpdir(), 'voxhelm-analyze-'));
    const store = folderStore(root);
    const beats: Heartbeat[] = [];
    const result = await analyze(
      { kind: 'analyze', datasetPath: SAMPLES, modality: null, labels: { '1': 'A', '2': 'P' }, artifactPrefix: 'd/1' },
      {
        store,
        settings: { url: 'http://127.0.0.1:9', apiKey: undefined, artifacts: root, caseCache: null },
        attempt: 1,
        smaller: 0,
        smallerWhy: 'memory',
        after: null,
        signal: new AbortController().signal,
        progress: (beat) => beats.push(beat),
        log: () => undefined,
        startedAtMs: 0,
      },
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
