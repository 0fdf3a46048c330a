import type { PairedComparison } from '@voxhelm/contracts/schedule';
import { ScheduleSettings } from '@voxhelm/contracts/schedule';
import { startTestService, type TestService } from '@voxhelm/orchestrator/api/testing/service';
import { compareModels } from '@voxhelm/orchestrator/schedules/compare';
import type { Prisma } from '@voxhelm/prisma/client';
import { newId } from '@voxhelm/prisma/ids';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { overflowing, seriousViolations } from './accessibility.ts';
import { launch, openPage, type WatchedPage } from './browser.ts';

/* A schedule's page after months, as its database has it: what was compared long before the last looks is still there. */

const LOOKS = 60;

let service: TestService;
let browser: Browser;
let watched: WatchedPage;
let page: Page;
const scheduleId = newId('sch');
const datasetId = newId('ds');
let timeMs = Date.parse('2026-11-01T00:00:00Z');

/** A challenger that is better by `gain` on each of six cases. */
function compared(gain: number): PairedComparison {
  const model = (runId: string, more: number) => ({
    runId,
    scores: [0.71, 0.8, 0.77, 0.82, 0.69, 0.85].map((base, index) => {
      const dice = base + more * (1 + index / 10);
      const own = { dice, iou: null, hdMm: null, hd95Mm: null, assdMm: null, surfaceDice: null };
      return { case: `case_${index}`, dice, classes: { '1': own, '2': own } };
    }),
  });
  return compareModels(model('run_a', 0), model('run_b', gain), { significance: 0.05, classMargin: 0.02 });
}

async function addFiring(
  data: Omit<Prisma.FiringUncheckedCreateInput, 'id' | 'scheduleId' | 'workflowKey' | 'scheduledAt'>,
) {
  timeMs += 60_000;
  const at = new Date(timeMs);
  const id = newId('fir', timeMs);
  await service.database.firing.create({
    data: { id, scheduleId, workflowKey: `firing-${id}/1`, scheduledAt: at, createdAt: at, finishedAt: at, ...data },
  });
}

const ended = (comparison: PairedComparison) => ({
  state: comparison.better ? 'promoted' : 'kept',
  message: comparison.reason,
  comparison: comparison as unknown as Prisma.InputJsonObject,
});

beforeAll(async () => {
  [service, browser] = await Promise.all([startTestService(), launch()]);
  const { database, app } = service;
  await database.dataset.create({ data: { id: datasetId, name: 'brains', path: '/nowhere', workflowStarted: true } });
  const settings = ScheduleSettings.parse({ trigger: { kind: 'drift', limit: 4 } });
  const row = { id: scheduleId, name: 'brains', datasetId, synced: true };
  await database.schedule.create({ data: { ...row, settings: settings as unknown as Prisma.InputJsonObject } });
  await addFiring(ended(compared(0.02)));
  await addFiring(ended(compared(-0.01)));
  const drift = { feature: 'foreground intensity, median', trained: 400, found: 520, distance: 2.5 };
  const findings = { newCases: ['n'], correctedCases: [], removedCases: [], unlabelledCases: 0, drift: [drift] };
  for (let look = 0; look < LOOKS; look++) {
    await addFiring({ state: 'idle', message: 'Drift 2.50 is within the limit 4.', drift: drift.distance, findings });
  }
  watched = await openPage(browser, await app.listen({ port: 0, host: '127.0.0.1' }));
  page = watched.page;
  await page.goto(`/schedules/${scheduleId}`);
});
afterAll(async () => {
  await browser?.close();
  await service?.close();
});

/** A comparison's own sentence: the list of firings tells the same in a cell. */
const told = (sentence: string) => page.getByRole('paragraph').filter({ hasText: sentence });

test('the last comparison is shown though nothing but looks came after it, with one interval of its mean', async () => {
  await told('Kept the champion: the challenger is not better').waitFor();
  expect(await page.getByText('No challenger has been compared yet').count()).toBe(0);
  const [low, high] = compared(-0.01).interval;
  await page.getByText(`95 % interval −${Math.abs(low).toFixed(3)} to −${Math.abs(high).toFixed(3)}`).waitFor();
  expect((await page.locator('main').innerText()).match(/95 % interval/g)).toHaveLength(1);
  expect(await page.getByText('Challenger is better on 0 of 6 cases.').count()).toBe(1);
});

test('an earlier comparison can be opened, and its address kept', async () => {
  const select = page.getByRole('combobox', { name: 'Comparison', exact: true });
  const options = await select.locator('option').allInnerTexts();
  expect(options).toEqual([
    expect.stringMatching(/kept, mean difference −0\.01\d/),
    expect.stringMatching(/promoted, mean difference \+0\.02\d/),
  ]);
  await select.selectOption({ index: 1 });
  await page.getByText('Challenger is better on 6 of 6 cases.').waitFor();
  await page.reload();
  await told('Promoted: the challenger is better').waitFor();
});

test('drift over time goes back beyond the firings that are listed', async () => {
  await page.getByText(`Drift over time: ${LOOKS} measurements, the last 2.50`).waitFor();
});

test('the page has no serious fault of accessibility, fits a telephone, and threw nothing', async () => {
  expect(await seriousViolations(page)).toEqual([]);
  await page.setViewportSize({ width: 390, height: 860 });
  expect(await overflowing(page)).toEqual([]);
  expect(watched.faults).toEqual([]);
});
