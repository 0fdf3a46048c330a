import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunDetail } from '@voxhelm/contracts/api';
import type { LabelChangeView, LabelGiven } from '@voxhelm/contracts/api-labels';
import type { ChampionView, FiringView, ScheduleDetail, SuggestionView } from '@voxhelm/contracts/api-schedules';
import { readBundle } from '@voxhelm/ensembler/bundle-read';
import { readLabel } from '@voxhelm/imaging/nifti';
import { writeNifti } from '@voxhelm/imaging/nifti-write';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestService, type TestService } from '../support/service.ts';
import { addCases, SAMPLES, smallDataset } from '../support/small-dataset.ts';

/* Retraining as a user does it at the command line, against a real `voxhelm up` with real trainings of a few steps. */

let folder: string;
let dataset: string;
let service: TestService;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxhelm-e2e-schedule-'));
  dataset = await smallDataset(join(folder, 'brains'), 10, 1);
  await writeFile(
    join(folder, 'run.yaml'),
    JSON.stringify({
      folds: 2,
      algorithms: ['segresnet'],
      search: { trials: 1 },
      plan: {
        steps: 8,
        validateEverySteps: 8,
        precision: 'float32',
        patchSize: [32, 32, 32],
        batchSize: 1,
        network: { init_filters: 8, blocks_down: [1, 1, 1] },
      },
    }),
  );
  service = await startTestService();
});
afterAll(async () => {
  await service.stop();
  await rm(folder, { recursive: true, force: true });
});

const idOf = (name: string): string => name.replace('.nii.gz', '');

/** The first firing that is over, retrained, and is none of those known. */
async function retrained(known: readonly string[]): Promise<FiringView> {
  for (;;) {
    const { firings } = await service.json<ScheduleDetail>('schedule', 'show', 'brains');
    const found = firings.find(
      ({ id, state, finishedAt }) => finishedAt !== null && state !== 'idle' && !known.includes(id),
    );
    if (found !== undefined) return found;
    await sleep(500);
  }
}

test('a schedule makes the first champion, then retrains on new cases from its weights and compares', async () => {
  const created = await service.voxhelm(
    ...['schedule', 'create', dataset, '--cases', '2', '--every', '1s', '--start', 'champion'],
    ...['--run', join(folder, 'run.yaml')],
  );
  expect(created.code, created.stderr).toBe(0);
  expect(created.stdout).toContain('at 2 new or corrected cases');
  const first = await retrained([]);
  expect(first, first.message).toMatchObject({ state: 'promoted' });
  const before = await service.json<ChampionView>('champion', dataset);
  expect(before.comparisonCases).toHaveLength(6);

  await addCases(dataset, 10, 12);
  const second = await retrained([first.id]);
  expect(['promoted', 'kept'], second.message).toContain(second.state);
  expect(second.findings?.newCases).toHaveLength(2);
  expect(second.reusedCases).toBe(11);
  expect(new Set(second.comparison?.cases.map(({ caseId }) => caseId))).toEqual(new Set(before.comparisonCases));
  const run = await service.json<RunDetail>('show', second.runs[0]?.id ?? '');
  expect(run.submittedBy).toBe('schedule brains');
  expect(second.runs[0]?.startFrom).toBe(first.challengerRunId);
  expect(run.plans.map(({ plan }) => plan.network)).toEqual(
    (await service.json<RunDetail>('show', first.challengerRunId ?? '')).plans.map(({ plan }) => plan.network),
  );

  const bundle = join(folder, 'champion.zip');
  await service.json('download', '--champion', dataset, '-o', bundle);
  const { manifest } = await readBundle(bundle);
  const champion = await service.json<ChampionView>('champion', dataset);
  const members = await service.json<RunDetail>('show', champion.champion?.runId ?? '');
  expect(manifest.members.map(({ trialId }) => trialId)).toEqual(
    members.ensemble?.members.map(({ trialId }) => trialId),
  );
});

test('unlabelled images are no fault, and the champion tells which of them to label next', async () => {
  await mkdir(join(dataset, 'imagesUn'));
  const names = (await readdir(join(SAMPLES, 'imagesTs'))).sort().slice(4, 6);
  for (const name of names) await copyFile(join(SAMPLES, 'imagesTs', name), join(dataset, 'imagesUn', name));
  const { state, cases } = await service.json<SuggestionView>('suggest', dataset);
  expect(state).toBe('done');
  expect(cases.map(({ caseId }) => `${caseId}.nii.gz`).sort()).toEqual(names);
  for (const one of cases) {
    for (const value of [one.uncertainty, one.disagreement, one.novelty]) expect(value).toBeGreaterThanOrEqual(0);
    expect(one.uncertainty).toBeLessThanOrEqual(1);
  }
});

test('a label that is given by command makes a new case, a corrected one a corrected case, and both together a retraining', async () => {
  const { firings } = await service.json<ScheduleDetail>('schedule', 'show', 'brains');
  const { comparisonCases } = await service.json<ChampionView>('champion', dataset);
  const waiting = (await readdir(join(dataset, 'imagesUn'))).sort()[0] ?? '';
  await service.json('label', dataset, idOf(waiting), join(SAMPLES, 'labelsTs', waiting));
  const trained =
    (await readdir(join(dataset, 'labelsTr'))).map(idOf).find((id) => !comparisonCases.includes(id)) ?? '';
  const label = await readLabel(join(dataset, 'labelsTr', `${trained}.nii.gz`));
  const corrected = join(folder, 'corrected.nii.gz');
  await writeNifti(corrected, { ...label, data: label.data.map((value) => (value === 2 ? 1 : value)) });
  await service.json('label', dataset, trained, corrected, '--note', 'tail was head');
  const refused = await service.voxhelm('label', dataset, comparisonCases[0] ?? '', corrected);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('--held-out')]);

  const firing = await retrained(firings.map(({ id }) => id));
  expect(firing.findings).toMatchObject({ newCases: [idOf(waiting)], correctedCases: [trained] });
  expect(['promoted', 'kept'], firing.message).toContain(firing.state);
  const log = await service.json<LabelChangeView[]>('label', dataset);
  expect(log.map(({ caseId, kind, note }) => [caseId, kind, note])).toEqual([
    [trained, 'label-corrected', 'tail was head'],
    [idOf(waiting), 'label-added', null],
  ]);

  const more = await mkdtemp(join(folder, 'more-'));
  const names = (await readdir(join(SAMPLES, 'imagesTs'))).sort().slice(6, 8);
  for (const place of ['imagesTr', 'labelsTr']) await mkdir(join(more, place));
  for (const name of names) await copyFile(join(SAMPLES, 'imagesTs', name), join(more, 'imagesTr', name));
  await copyFile(join(SAMPLES, 'labelsTs', names[0] ?? ''), join(more, 'labelsTr', names[0] ?? ''));
  const added = await service.json<{ added: LabelGiven[] }>('dataset', 'add', dataset, more);
  expect(added.added.map(({ change }) => [change?.caseId, change?.role])).toEqual([
    [idOf(names[0] ?? ''), 'training'],
    [idOf(names[1] ?? ''), 'unlabelled'],
  ]);
});

test('a schedule is paused with a note, listed, triggered, resumed and deleted by command', async () => {
  const said = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await service.voxhelm('schedule', ...args);
    expect(code, stderr).toBe(0);
    return stdout;
  };
  const other = await smallDataset(join(folder, 'other'), 4, 0);
  const refused = await service.voxhelm('schedule', 'create', other, '--cron', '99 99 * * *');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('the minute, which goes from 0 to 59')]);
  await said('create', other, '--name', 'yearly', '--cron', '0 0 1 1 *', '--run', join(folder, 'run.yaml'));
  expect(await said('pause', 'yearly', '--note', 'scanner moves')).toContain('paused');
  expect(await said('list')).toMatch(/yearly.*at 0 0 1 1 \* \(UTC\).*paused/);
  expect(await said('show', 'yearly')).toContain('note: scanner moves');
  expect(await said('trigger', 'yearly')).toContain('fires now');
  let fired: readonly FiringView[] = [];
  for (; fired.length === 0; await sleep(300)) {
    fired = (await service.json<ScheduleDetail>('schedule', 'show', 'yearly')).firings;
  }
  expect(fired.map(({ forced }) => forced)).toEqual([true]);
  expect(await said('resume', 'yearly')).toContain('goes on');
  expect(await said('delete', 'yearly')).toContain('is deleted');
  expect(await said('list')).not.toContain('yearly');
});
