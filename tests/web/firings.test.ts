import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type PairedComparison, ScheduleSettings } from '@voxhelm/contracts/schedule';
import { SUGGESTION_MAPS } from '@voxhelm/contracts/suggestion-maps';
import { makeNifti } from '@voxhelm/imaging/testing/make-nifti';
import { startTestService, type TestService } from '@voxhelm/orchestrator/api/testing/service';
import { compareModels } from '@voxhelm/orchestrator/schedules/compare';
import { suggestionMapKey } from '@voxhelm/orchestrator/suggestion-maps';
import type { Prisma } from '@voxhelm/prisma/client';
import { newId } from '@voxhelm/prisma/ids';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { overflowing, seriousViolations } from './accessibility.ts';
import { launch, openPage, type WatchedPage } from './browser.ts';

/*
 * What the pages of schedules tell of firings, champions and cases to label, from a database as orchestrator and trainer
 * leave it: why, what came of it, when, by which names; also on a telephone.
 */

const WHY = 'Drift 7.82 passes the limit 3 (image intensity, median: 400 before, 1200 now).';

let service: TestService;
let browser: Browser;
let watched: WatchedPage;
let page: Page;
let kept: PairedComparison;
const [datasetId, scheduleId, analysisId] = [newId('ds'), newId('sch'), newId('an')];
const suggestionId = newId('sug');

const json = (value: unknown) => value as Prisma.InputJsonObject;

/** A challenger that is worse by `loss` on each of six cases, of the labels 1 and 2. */
function compared(loss: number): PairedComparison {
  const model = (runId: string, less: number) => ({
    runId,
    scores: [0.71, 0.8, 0.77, 0.82, 0.69, 0.85].map((base, index) => {
      const dice = base - less * (1 + index / 10);
      const own = { dice, iou: null, hdMm: null, hd95Mm: null, assdMm: null, surfaceDice: null };
      return { case: `case_${index}`, dice, classes: { '1': own, '2': own } };
    }),
  });
  return compareModels(model('run_1', 0), model('run_2', loss), { significance: 0.05, classMargin: 0.02 });
}

async function addDataset(): Promise<void> {
  const { database } = service;
  await database.dataset.create({ data: { id: datasetId, name: 'brains', path: '/nowhere', workflowStarted: true } });
  const labels = ['background', 'anterior', 'posterior'].map((name, value) => ({ value, name }));
  await database.analysis.create({
    data: {
      ...{ id: analysisId, datasetId, owner: 'test', layout: 'folder', fingerprint: '0'.repeat(64), labels },
      ...{ modalities: ['MRI'], findings: [], errors: 0, warnings: 0, trainingCases: 6, testingCases: 0 },
      ...{ device: {}, check: {} },
    },
  });
  await database.dataset.update({ where: { id: datasetId }, data: { analysisId, state: 'ready' } });
}

/** Four cases that wait for a label; of the first the trainer left what the champion predicts. */
async function addSuggestion(): Promise<void> {
  const { database, store, home } = service;
  const image = join(home, 'u.nii.gz');
  const dims = [12, 12, 12];
  const values = Array.from({ length: 12 ** 3 }, (_, index) => index % 50);
  await writeFile(image, gzipSync(makeNifti({ dims, values, datatype: 'float32' })));
  const ids = ['u1', 'u2', 'u3', 'u4'];
  const row = { analysisId, role: 'unlabelled', images: [image], valid: true };
  await database.datasetCase.createMany({
    data: ids.map((caseId, position) => ({ ...row, caseId, position: position + 10 })),
  });
  const cases = ids.map((caseId, place) => ({
    ...{ caseId, uncertainty: 0.4 - place / 10, disagreement: place / 20, novelty: 0.5, maps: place === 0 },
  }));
  const message = '4 unlabelled cases, the most telling first.';
  const at = new Date();
  await database.suggestion.create({
    data: { id: suggestionId, datasetId, runId: 'run_1', state: 'done', message, cases, createdAt: at, finishedAt: at },
  });
  const map = gzipSync(makeNifti({ dims, values: values.map((value) => value % 3), datatype: 'uint8' }));
  for (const name of SUGGESTION_MAPS) await store.write(suggestionMapKey(suggestionId, 'u1', name), map);
}

/** A first champion, and a challenger that was kept out. */
async function addFirings(): Promise<void> {
  const { database } = service;
  const settings = ScheduleSettings.parse({ trigger: { kind: 'drift', limit: 3 } });
  await database.schedule.create({
    data: { id: scheduleId, name: 'watch', datasetId, synced: true, settings: json(settings) },
  });
  kept = compared(0.01);
  const [first, second] = [new Date('2026-11-25T18:30:05Z'), new Date('2026-11-25T19:50:35Z')];
  const drift = { drift: [{ feature: 'image intensity, median', trained: 400, found: 1200, distance: 7.82 }] };
  const findings = { newCases: ['n'], correctedCases: [], removedCases: [], unlabelledCases: 4, ...drift };
  const of = (at: Date) => ({ scheduleId, scheduledAt: at, createdAt: at, finishedAt: at, workflowKey: newId('fir') });
  const promoted = 'Promoted: the first champion; there was nothing to compare with.';
  const reason = 'There is no champion yet.';
  const [firstId, secondId] = [newId('fir', first.getTime()), newId('fir', second.getTime())];
  await database.firing.create({
    data: { id: firstId, ...of(first), state: 'promoted', reason, message: promoted, challengerRunId: 'run_1' },
  });
  await database.firing.create({
    data: {
      ...{ id: secondId, ...of(second), state: 'kept', reason: WHY, message: kept.reason, drift: 7.82 },
      ...{ championRunId: 'run_1', challengerRunId: 'run_2', findings: json(findings), comparison: json(kept) },
    },
  });
  for (const [id, firingId, name] of [
    ['run_1', firstId, 'tiny 1, from nothing'],
    ['run_2', secondId, 'tiny 2, from the champion'],
  ] as const) {
    const bundle = { id: newId('art'), kind: 'ensemble-bundle', name: 'bundle.zip', uri: id, sha256: '0'.repeat(64) };
    await database.run.create({
      data: {
        ...{ id, name, firingId, datasetId, requestSha256: '', request: {}, seed: 0, state: 'completed' },
        artifacts: { create: { ...bundle, bytes: 1 } },
      },
    });
  }
  const promotion = { id: newId('pro'), datasetId, runId: 'run_1', kind: 'first', reason: promoted, by: firstId };
  await database.promotion.create({ data: promotion });
  await database.champion.create({ data: { datasetId, runId: 'run_1', promotionId: promotion.id } });
}

beforeAll(async () => {
  [service, browser] = await Promise.all([startTestService(), launch()]);
  await addDataset();
  await addFirings();
  await addSuggestion();
  watched = await openPage(browser, await service.app.listen({ port: 0, host: '127.0.0.1' }));
  page = watched.page;
  await page.goto(`/schedules/${scheduleId}`);
});
afterAll(async () => {
  await browser?.close();
  await service?.close();
});

test('why a firing fired stands beside what came of it, with the second it was due and the name of its run', async () => {
  const row = page.getByRole('region', { name: 'Firings' }).getByRole('row').filter({ hasText: WHY });
  await row.getByText(kept.reason).waitFor();
  expect(await row.innerText()).toMatch(/:50:35.*(UTC|GMT)/s);
  await row.getByText('(challenger)').waitFor();
  expect(await page.getByText('(challenger)').count()).toBe(1);
  await row.getByRole('link', { name: 'tiny 2, from the champion' }).waitFor();
  const { items } = (await service.app.inject(`/v1/schedules/${scheduleId}/firings`)).json();
  expect(items[0]).toMatchObject({ reason: WHY, outcome: kept.reason });
});

test('labels have their names, and before the first champion there is nobody to go back to', async () => {
  await page.getByRole('region', { name: 'Dice by label' }).getByRole('rowheader', { name: 'posterior' }).waitFor();
  expect(await page.getByRole('button', { name: 'Roll back' }).isDisabled()).toBe(true);
});

test('on a telephone nothing of a schedule is hidden sideways, and the drift can be read', async () => {
  await page.setViewportSize({ width: 390, height: 860 });
  const text = page
    .getByRole('img', { name: /^Drift over time: 1 measurement,/ })
    .locator('text')
    .first();
  await expect.poll(async () => (await text.boundingBox())?.height ?? 0).toBeGreaterThan(10);
  await page.goto('/schedules');
  const list = page.getByRole('region', { name: 'Schedules' });
  await list.getByText(WHY, { exact: false }).waitFor();
  const hidden = await list.evaluate((element) => {
    // This folder is checked without the browser's types.
    const { scrollWidth, clientWidth } = element as unknown as { scrollWidth: number; clientWidth: number };
    return scrollWidth - clientWidth;
  });
  expect(hidden).toBe(0);
  for (const name of ['Trigger now', 'Pause']) expect(await list.getByRole('button', { name }).isVisible()).toBe(true);
  for (const path of ['/schedules', `/schedules/${scheduleId}`]) {
    await page.goto(path);
    await page.getByText(WHY, { exact: false }).first().waitFor();
    expect([...(await overflowing(page)), ...(await seriousViolations(page))], path).toEqual([]);
  }
});

test('a case to label tells why it is, and shows what the champion sees in it and where it is unsure', async () => {
  await page.setViewportSize({ width: 1280, height: 860 });
  const missing: string[] = [];
  page.on('response', (response) => void (response.status() === 404 && missing.push(response.url())));
  await page.goto(`/schedules/${scheduleId}`);
  await page.getByText('Novelty: How unlike what is labelled').waitFor();
  await page.getByRole('link', { name: 'u1', exact: true }).click();
  await page.getByRole('slider', { name: 'Champion’s prediction' }).waitFor();
  await page.getByRole('slider', { name: 'Uncertainty' }).fill('0.6');
  const why = page.getByRole('complementary', { name: 'Why it is to be labelled, and layers' });
  expect(await why.innerText()).toMatch(/To label: 1 of 4.*Uncertainty 0\.400, the highest of 4.*How unsure/s);
  await page.locator('body').press('n');
  await page.getByText('is kept for the head of the newest list').waitFor();
  expect(missing).toEqual([]);
});

test('a case that has got its label leaves the list', async () => {
  const change = { caseId: 'u2', kind: 'label-added', role: 'unlabelled', sha256: '1'.repeat(64), by: 'command' };
  await service.database.labelChange.create({ data: { id: newId('lab'), datasetId, ...change } });
  await page.goto(`/schedules/${scheduleId}`);
  await page.getByText('3 unlabelled cases, the most telling first; 1 of the list has its label now.').waitFor();
  const list = page.getByRole('region', { name: 'Suggestions' });
  expect(await list.getByRole('rowheader').allInnerTexts()).toEqual(['1', '2', '3']);
  expect(await list.getByRole('link', { name: 'u2' }).count()).toBe(0);
});

test('nothing was thrown', () => {
  expect(watched.faults).toEqual([]);
});
