import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunDetail } from '@voxhelm/contracts/api';
import type { RunCases } from '@voxhelm/contracts/api-cases';
import type { ScheduleView } from '@voxhelm/contracts/api-schedules';
import { rootDirectory } from '@voxhelm/infra/embedded/node-service';
import type { Page } from 'playwright-core';
import { overflowing, seriousViolations } from './accessibility.ts';
import { launch, openPage } from './browser.ts';

/*
 * `npx tsx tests/web/screenshots.ts URL RUN [IMAGE] [FOLDER] [PAGES]`: pictures of every page of a service that holds a completed
 * run, at 1280 and 390 pixels, light and dark, into docs/screenshots or a folder; tells what sticks out and what axe finds.
 * IMAGE is tried out ("-": none); PAGES, by comma, are taken alone ("schedule": the page of one, by drift where there is one).
 */

const [url = '', runId = '', image, folder = '-', only] = process.argv.slice(2);
const target = folder === '-' ? join(rootDirectory, 'docs', 'screenshots') : folder;

async function get<T>(path: string): Promise<T> {
  return (await (await fetch(`${url}${path}`)).json()) as T;
}

/** The test case with the lowest Dice, or any case. */
function worstOf(cases: RunCases['cases']): string {
  const dice = (one: RunCases['cases'][number]): number =>
    one.results.find(({ model }) => model === 'ensemble')?.scores.dice ?? 2;
  return [...cases].sort((a, b) => dice(a) - dice(b))[0]?.caseId ?? '';
}

async function settle(page: Page, name: string): Promise<void> {
  await page.locator('main h1, main h2, main table, main .empty').first().waitFor();
  if (name === 'case') await page.getByRole('slider', { name: 'Disagreement' }).waitFor({ timeout: 60_000 });
  if (name === 'try' && image !== undefined && image !== '-') {
    await page.getByTestId('image').setInputFiles(image);
    await page.getByRole('button', { name: 'Segment it in this browser' }).click();
    await page.getByRole('heading', { name: 'Result' }).waitFor({ timeout: 240_000 });
  }
  await page.waitForLoadState('networkidle').catch(() => undefined);
  await page.waitForTimeout(name === 'case' || name === 'try' ? 4_000 : 1_500);
}

const run = await get<RunDetail>(`/v1/runs/${runId}`);
const cases = await get<RunCases>(`/v1/runs/${runId}/cases`);
const others = (await get<{ items: { id: string }[] }>('/v1/runs')).items.map(({ id }) => id);
const schedules = (await get<{ items: ScheduleView[] }>('/v1/schedules')).items;
const watching = schedules.find(({ settings }) => settings.trigger.kind === 'drift') ?? schedules[0];
const here = `/runs/${runId}`;
const all: readonly (readonly [string, string])[] = [
  ['runs', '/'],
  ['submit', '/submit'],
  ['branch', `/submit?branch=${runId}`],
  ['run', here],
  ...['trials', 'search', 'cases', 'ensemble', 'try', 'plans', 'log'].map((tab) => [tab, `${here}/${tab}`] as const),
  ['trial', `${here}/trials/${run.trials[0]?.id}`],
  ['case', `${here}/cases/${worstOf(cases.cases)}`],
  ['compare', `/compare?runs=${[runId, ...others.filter((id) => id !== runId)].slice(0, 2).join(',')}`],
  ['datasets', '/datasets'],
  ['dataset', `/datasets/${run.datasetId}`],
  ['schedules', '/schedules'],
  ...[watching].flatMap((one) => (one === undefined ? [] : [['schedule', `/schedules/${one.id}`] as const])),
  ['workers', '/workers'],
];
const pages = all.filter(([name]) => only === undefined || only.split(',').includes(name));
await mkdir(target, { recursive: true });
const browser = await launch();
for (const [width, scheme] of [
  [1280, 'light'],
  [1280, 'dark'],
  [390, 'light'],
] as const) {
  const { page, context, faults } = await openPage(browser, url, width, scheme);
  const suffix = width === 390 ? '-390' : scheme === 'dark' ? '-dark' : '';
  for (const [name, path] of pages) {
    // One picture of what takes long to compute is enough.
    if (name === 'try' && suffix !== '') continue;
    await page.goto(path);
    await settle(page, name);
    await page.screenshot({ path: join(target, `${name}${suffix}.png`), fullPage: true });
    const wrong = [...(await overflowing(page)), ...(await seriousViolations(page)), ...faults.splice(0)];
    console.log(
      `${name}${suffix}: ${wrong.length === 0 ? 'nothing sticks out, axe finds nothing serious' : wrong.join('; ')}`,
    );
  }
  await context.close();
}
await browser.close();
