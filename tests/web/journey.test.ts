import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readLabel } from '@voxhelm/imaging/nifti';
import { writeNifti } from '@voxhelm/imaging/nifti-write';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestService, type TestService } from '../support/service.ts';
import { smallDataset } from '../support/small-dataset.ts';
import { overflowing, seriousViolations } from './accessibility.ts';
import { launch, openPage, type WatchedPage } from './browser.ts';

/*
 * What a person does with the web UI, in a real browser against a real `voxhelm up`: submit by upload, watch, open the
 * worst case, download and predict, try it in the browser, cancel another run, compare. screenshots.ts takes the pictures.
 */

/** A name that would be markup where text were taken for it. */
const NASTY = '<img src=x onerror="document.title=1"> & co';

let folder: string;
let dataset: string;
let service: TestService;
let browser: Browser;
let watched: WatchedPage;
let page: Page;
let runUrl: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxhelm-web-'));
  dataset = await smallDataset(join(folder, 'data'), 4, 2);
  const file = join(dataset, 'dataset.json');
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), name: NASTY }));
  [service, browser] = await Promise.all([startTestService(), launch()]);
  watched = await openPage(browser, service.url);
  page = watched.page;
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await service?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function fill(settings: Readonly<Record<string, string>>): Promise<void> {
  const more = page.locator('summary', { hasText: 'Everything else' });
  if ((await more.locator('..').getAttribute('open')) === null) await more.click();
  for (const [label, value] of Object.entries(settings)) await page.getByLabel(label, { exact: true }).fill(value);
}

const SMALL = {
  Folds: '2',
  'Search trials': '2',
  'Training steps': '10',
  'Validate every … steps': '5',
  'Patch size': '32, 32, 32',
  'Batch size': '1',
  'First filters of the network': '8',
};

describe('a run in the browser', () => {
  test('a faulty label is found before anything is sent, shown, and mended as the user chooses', async () => {
    const faulty = await smallDataset(join(folder, 'faulty'), 3, 0);
    const labels = join(faulty, 'labelsTr');
    const path = join(labels, (await readdir(labels)).sort()[0] ?? '');
    const label = await readLabel(path);
    await writeNifti(path, { ...label, affine: label.affine.map((value, index) => (index === 3 ? value + 5 : value)) });
    await page.goto('/submit');
    await page.getByTestId('folder').setInputFiles(faulty);
    await page.getByText('1 faults').waitFor();
    await page.getByRole('button', { name: 'Show image and label' }).click();
    await page.locator('canvas').waitFor();
    await page.getByRole('button', { name: "Give the label the image's affine" }).click();
    await page.getByText('All 3 cases are sound').waitFor();
    expect(await page.getByText("label given the image's affine").count()).toBe(1);
  });

  test('drop, check, upload, submit; a wrong value is named at its field', async () => {
    await page.goto('/submit');
    await page.getByTestId('folder').setInputFiles(dataset);
    await page.getByText('All 6 cases are sound').waitFor();
    await page.getByLabel('Time budget').fill('soon');
    expect(await page.locator('.field-error').first().textContent()).toContain('with a unit');
    await page.getByLabel('Time budget').fill('');
    await fill({ ...SMALL, Name: 'first', 'Submitted by': 'Ada' });
    await page.getByRole('button', { name: 'Upload and submit' }).click();
    await page.waitForURL(/\/runs\/run_/);
    runUrl = new URL(page.url()).pathname;
  });

  test('text from the dataset is text', async () => {
    await page.goto('/datasets');
    await page.getByRole('link', { name: NASTY }).waitFor();
    expect(await page.locator('main img').count()).toBe(0);
  });

  test('a service that dies is told, and what was missed is there when it is back', async () => {
    await page.goto(runUrl);
    await page.getByRole('heading', { name: 'first' }).waitFor();
    process.kill(await service.pid('api'), 'SIGKILL');
    await page.getByText('The connection to the service is lost').waitFor();
    await page.getByText('The connection to the service is lost').waitFor({ state: 'hidden', timeout: 120_000 });
  });

  // While the run trains: a person would look around, too.
  test('no page has a serious fault of accessibility, in light and dark, nor sticks out at 390 pixels', async () => {
    const view = await fetch(`${service.url}/v1${runUrl}`);
    const { datasetId } = (await view.json()) as { datasetId: string };
    const places = ['/', '/submit', '/datasets', `/datasets/${datasetId}`, '/schedules', '/workers', runUrl];
    const tabs = ['trials', 'search', 'plans', 'log'].map((tab) => `${runUrl}/${tab}`);
    expect(await faultsOfPages([...places, ...tabs])).toEqual({});
    await page.goto(runUrl);
  });

  test('it is watched to its end without a reload', async () => {
    await page.locator('.badge', { hasText: 'completed' }).waitFor({ timeout: 240_000 });
    await page.getByRole('img', { name: /^Loss over 10 steps/ }).waitFor();
    const chart = page.locator('figure', { has: page.getByRole('heading', { name: 'Loss' }) });
    await chart.getByText('As a table').click();
    await chart.getByRole('row').nth(3).waitFor();
    const csv = page.waitForEvent('download');
    await chart.getByRole('button', { name: 'CSV' }).click();
    expect(await readFile(await (await csv).path(), 'utf8')).toMatch(/^line,step,value\r\ntrial 1,\d+,/);
  });

  test('what the training took of its machine is a curve of run and trial, and in the CSV of all curves', async () => {
    await page.getByRole('img', { name: /^Share of the processor in use over 10 steps/ }).waitFor();
    const csv = page.waitForEvent('download');
    await page.getByRole('button', { name: 'All curves as CSV' }).click();
    const text = await readFile(await (await csv).path(), 'utf8');
    for (const series of ['loss', 'dice.1', 'learningRate', 'cpuShare', 'residentMemoryMb']) {
      expect(text).toMatch(new RegExp(`\\r\\n1,${series.replace('.', '\\.')},10,[\\d.e-]+\\r\\n`));
    }
    await page.locator('.tabs').getByRole('link', { name: 'Trials' }).click();
    await page.getByRole('table').getByRole('link', { name: '1', exact: true }).click();
    await page.getByRole('img', { name: /^Memory of the training, MB over 10 steps/ }).waitFor();
  });

  test("a trial's page has its trainer's log, and its address keeps what the curves show", async () => {
    await page.getByText('The trainer’s log').click();
    const log = page.getByLabel('The trainer’s log');
    await log.getByText(/step 10: loss [\d.]+, Dice [\d.]+/).waitFor();
    expect(await log.textContent()).toMatch(
      /attempt 1 starts on .+[^]*patches of \d+ x \d+ x \d+ a step[^]* done after \d+ s/,
    );
    await page.getByRole('slider', { name: 'Smoothing' }).fill('0.5');
    await page.getByRole('button', { name: 'Loss: fewer steps' }).click();
    await page.waitForURL(/(?=.*trainer-log=1)(?=.*smooth=0\.5)(?=.*steps=\d+-\d+)/);
    await page.reload();
    await log.getByText(/step 10: loss/).waitFor();
    expect(await page.getByRole('slider', { name: 'Smoothing' }).inputValue()).toBe('0.5');
  });

  test("a trial's validation cases tell HD95 and volume error, worst first", async () => {
    const table = page.getByRole('region', { name: 'Validation cases' });
    await table.getByRole('columnheader', { name: 'HD95 mm' }).waitFor();
    const dice = (await table.locator('tbody tr td:nth-child(2)').allTextContents()).map(Number);
    expect(dice).toEqual([...dice].sort((a, b) => a - b));
    expect(await table.locator('tbody tr').first().textContent()).toMatch(/[+-]?\d+\.\d %/);
    await page.locator('.tabs').getByRole('link', { name: 'Overview' }).click();
  });

  test('the worst case opens in the viewer and is measured there', async () => {
    await page.getByRole('link', { name: 'Cases' }).click();
    await page.getByRole('table').waitFor();
    await page.locator('tbody a').first().click();
    await page.getByRole('slider', { name: 'Disagreement' }).waitFor({ timeout: 60_000 });
    expect(await page.getByText(/HD95 [\d.]+ mm/).count()).toBeGreaterThan(0);
    await page.getByRole('slider', { name: 'Disagreement' }).fill('0.8');
    await page.waitForTimeout(1_500);
    const before = page.url();
    await page.locator('body').press('n');
    await page.waitForURL((url) => url.href !== before);
  });

  test('the bundle downloads with the hash that is shown, and predicts', async () => {
    await page.goto(`${runUrl}/ensemble`);
    const row = page.getByRole('listitem').filter({ hasText: 'bundle.zip' });
    const shown = /[0-9a-f]{64}/.exec((await row.textContent()) ?? '')?.[0];
    const coming = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download bundle.zip' }).click();
    const bundle = join(folder, 'bundle.zip');
    await (await coming).saveAs(bundle);
    expect(
      createHash('sha256')
        .update(await readFile(bundle))
        .digest('hex'),
    ).toBe(shown);
    const images = join(dataset, 'imagesTs');
    const first = (await readdir(images))[0] ?? '';
    const predicted = await service.voxhelm(
      'predict',
      '--bundle',
      bundle,
      '--input',
      join(images, first),
      '--output',
      join(folder, 'out'),
    );
    expect(predicted.code, predicted.stderr).toBe(0);
  });

  test('the ensemble segments a dropped image in the browser as it does at the command line', async () => {
    const first = (await readdir(join(dataset, 'imagesTs')))[0] ?? '';
    await page.goto(`${runUrl}/try`);
    await page.getByTestId('image').setInputFiles(join(dataset, 'imagesTs', first));
    await page.getByRole('button', { name: 'Segment it in this browser' }).click();
    await page.getByText('Computed on the CPU (WebAssembly)').waitFor({ timeout: 120_000 });
    const coming = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download the label map' }).click();
    const path = join(folder, 'from-browser.nii.gz');
    await (await coming).saveAs(path);
    const [here, there] = [await readLabel(path), await readLabel(join(folder, 'out', first))];
    expect(here.shape).toEqual(there.shape);
    const differing = here.data.filter((value, index) => value !== there.data[index]).length;
    // A trainer may compute in bfloat16, and a model that trained ten steps is sure of little; wasm-convolution.test.ts
    // holds the numbers themselves.
    expect(differing / here.data.length).toBeLessThan(0.01);
  });

  test('a corrected mask goes into the dataset itself, or makes a new one', async () => {
    const labels = join(dataset, 'labelsTr');
    const name = (await readdir(labels)).sort()[0] ?? '';
    const label = await readLabel(join(labels, name));
    const corrected = join(folder, 'corrected.nii.gz');
    await writeNifti(corrected, { ...label, data: label.data.map((value) => (value === 2 ? 1 : value)) });
    await page.getByLabel('Case', { exact: false }).first().fill(name.replace('.nii.gz', ''));
    await page.getByTestId('mask').setInputFiles(corrected);
    await page.getByRole('button', { name: 'Give it to the dataset' }).click();
    await page.getByText('has its corrected label from the next look on; the earlier label is kept.').waitFor();
    await page.getByRole('button', { name: 'Make a new dataset of it' }).click();
    await page.getByRole('link', { name: /corrected$/ }).click();
    await page.locator('.badge', { hasText: 'ready' }).waitFor({ timeout: 60_000 });
  });

  test('another run, cloned and extended, is cancelled after a question that says what is kept and lost; a run branches', async () => {
    await page.goto(runUrl);
    await page.getByRole('link', { name: 'Clone' }).click();
    await page.getByRole('button', { name: 'Submit', exact: true }).waitFor();
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('first again');
    expect(await page.getByLabel('Submitted by').inputValue()).toBe('Ada');
    await page.getByRole('button', { name: 'Submit', exact: true }).click();
    await page.waitForURL((url) => /\/runs\/run_/.test(url.pathname) && url.pathname !== runUrl);
    await page.getByRole('button', { name: 'Extend', exact: true }).click();
    await page.getByLabel('Search trials').fill('3');
    await page.getByRole('button', { name: 'Extend the run' }).click();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: 'Cancel the run' }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.textContent()).toMatch(/Kept:.*Lost:/s);
    await dialog.getByRole('button', { name: 'Cancel the run' }).click();
    await page.locator('.badge', { hasText: 'cancelled' }).first().waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Retry' }).waitFor();
    await page.goto(runUrl);
    await page.getByRole('link', { name: 'Branch' }).click();
    await page.getByRole('radio', { name: /its finished trials/ }).waitFor();
    await page.getByText('The same request as RUN.yaml and curl').click();
    expect(await page.locator('pre').first().textContent()).toMatch(/branch:\n\s+run: run_\w+\n\s+keep: trials/);
  });

  test('two runs are compared', async () => {
    await page.goto('/');
    const boxes = page.getByRole('checkbox', { name: /^Select / });
    await boxes.nth(1).waitFor();
    for (const box of await boxes.all()) await box.check();
    await page.getByRole('button', { name: 'Compare 2' }).click();
    await page.getByRole('heading', { name: 'Compare 2 runs' }).waitFor();
    expect(new URL(page.url()).search).toMatch(/runs=run_\w+(,|%2C)run_/);
  });

  test('who submitted a run is a column to sort and filter by, and stands on its page', async () => {
    await page.goto('/?q=who%3Dada');
    await page.getByRole('cell', { name: 'Ada', exact: true }).nth(1).waitFor();
    await page.getByRole('button', { name: 'Who', exact: true }).click();
    await page.locator('th[aria-sort=ascending]', { hasText: 'Who' }).waitFor();
    await page.getByRole('searchbox').fill('who=otto');
    await page.getByText('0 of 2').waitFor();
    await page.goto(runUrl);
    await page.locator('.numbers', { hasText: 'Submitted by' }).getByText('Ada').waitFor();
  });

  test('a schedule is resumed and paused by its buttons, each with a note', async () => {
    const request = { dataset, name: 'nightly', paused: true, trigger: { kind: 'interval', every: '1d' } };
    const made = await fetch(`${service.url}/v1/schedules`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
    const { id } = (await made.json()) as { id: string };
    await page.goto(`/schedules/${id}`);
    const change = async (word: string, note: string): Promise<void> => {
      await page.getByRole('button', { name: word, exact: true }).click();
      await page.getByRole('dialog').getByLabel('Note').fill(note);
      await page.getByRole('dialog').getByRole('button', { name: word, exact: true }).click();
      await page.locator('.facts').getByText(note).waitFor();
    };
    await change('Resume', 'labels are in');
    await page.locator('.badge', { hasText: 'paused' }).waitFor({ state: 'hidden' });
    await change('Pause', 'the scanner is serviced');
    await page.locator('.badge', { hasText: 'paused' }).waitFor();
    await page.goto('/schedules');
    await page.getByRole('button', { name: 'Resume', exact: true }).waitFor();
  });

  test('no page of a finished run has such a fault either', async () => {
    const tabs = ['', 'cases', 'ensemble', 'try'].map((tab) => `${runUrl}/${tab}`);
    expect(await faultsOfPages([...tabs, `/submit?branch=${runUrl.split('/').at(-1)}`])).toEqual({});
  });

  test('a page works by keyboard: the filter by "/", a place by "g", the list of keys by "?"', async () => {
    await page.goto('/');
    await page.getByRole('table').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('again');
    await page.getByText('1 of 2').waitFor();
    expect(new URL(page.url()).searchParams.get('q')).toBe('again');
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: 'Runs' }).click();
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('g');
    await page.keyboard.press('w');
    await page.getByRole('heading', { name: 'Workers and storage' }).waitFor();
  });

  test('nothing was thrown, refused by the policy or asked from elsewhere', () => {
    // What a browser says of the connections that this suite cut itself.
    expect(watched.faults.filter((fault) => !/net::ERR_/.test(fault))).toEqual([]);
  });
});

/** Serious faults of accessibility in light and dark, and what sticks out at 390 pixels, by page; three visitors at once. */
async function faultsOfPages(paths: readonly string[]): Promise<Record<string, string[]>> {
  const visitors = await Promise.all([
    openPage(browser, service.url, 1280, 'light'),
    openPage(browser, service.url, 1280, 'dark'),
    openPage(browser, service.url, 390),
  ]);
  const found: Record<string, string[]> = {};
  await Promise.all(
    visitors.map(async ({ page: one, faults }, visitor) => {
      for (const path of paths) {
        await one.goto(path);
        await one.locator('main h1, main h2, main table, main .empty').first().waitFor();
        await one.waitForTimeout(150);
        const wrong = await seriousViolations(one);
        if (visitor === 2) wrong.push(...(await overflowing(one)));
        wrong.push(...faults.splice(0));
        if (wrong.length > 0) found[`${path} ${['light', 'dark', 'narrow'][visitor]}`] = wrong;
      }
    }),
  );
  await Promise.all(visitors.map(({ context }) => context.close()));
  return found;
}
