import { readdir, readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { MetricCurve, RunDetail, RunView, TrialView } from '@voxhelm/contracts/api';
import { rootDirectory } from '@voxhelm/infra/embedded/node-service';
import { launch } from '../web/browser.ts';
import { countOf } from './lib/arguments.ts';
import { type BenchOptions, readOptions } from './lib/options.ts';

/*
 * What the first page weighs and when it is usable,
 * and the frames a second of a run's page with many trials while events arrive. The built pages are served as the API
 * serves them; the API's answers are made here, so that only the browser is measured.
 */

const dist = join(rootDirectory, 'web', 'dist');

const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript',
  css: 'text/css',
  html: 'text/html',
  svg: 'image/svg+xml',
};

/** Milliseconds between the messages' own timestamps: how long each measurement of frames goes on. */
const MEASURE_MS = 8_000;

/** For `--help`. */
export const ABOUT =
  "What the web UI's first page weighs and when it is usable, and frames a second of a run's page while events arrive: two JSON lines.";

/** See {@link BenchOptions}. */
export const OPTIONS = {
  trials: { value: 'N', about: 'trials of the run that is shown', default: '300' },
  points: { value: 'N', about: 'points of each curve', default: '1000' },
  events: { value: 'N', about: 'events a second', default: '50' },
} as const satisfies BenchOptions;

/** See the head of this file. */
export async function main(args: readonly string[]): Promise<void> {
  const values = readOptions(args, OPTIONS);
  const trials = countOf('trials', values.trials);
  const points = countOf('points', values.points);
  const events = countOf('events', values.events);
  const server = await serve(trials, points, events);
  const browser = await launch();
  try {
    report({ benchmark: 'web', ...(await firstPage(browser, server.url)) });
    report({ benchmark: 'web', trials, points, eventsPerSecond: events, ...(await frames(browser, server)) });
  } finally {
    await browser.close();
    server.close();
  }
}

function report(values: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(values)}\n`);
}

type Browser = Awaited<ReturnType<typeof launch>>;

/** Compressed bytes of the first page, and the time until its table can be used (median of five fresh visits). */
async function firstPage(browser: Browser, url: string) {
  const times: number[] = [];
  let bytes = 0;
  for (let visit = 0; visit < 5; visit += 1) {
    const context = await browser.newContext();
    const page = await context.newPage();
    bytes = 0;
    page.on('response', (response) => {
      if (!response.url().includes('/v1/')) bytes += Number(response.headers()['content-length'] ?? 0);
    });
    await page.goto(url);
    await page.getByRole('searchbox').waitFor();
    times.push(await page.evaluate<number>('performance.now()'));
    await context.close();
  }
  times.sort((a, b) => a - b);
  return { firstPageBytes: bytes, usableMs: Math.round(times[2] ?? 0), usableMsLeast: Math.round(times[0] ?? 0) };
}

/** Frames a second while events arrive, on the run's page with all its curves; and the longest gap between two frames. */
async function frames(browser: Browser, server: Served) {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
  await page.goto(`${server.url}/runs/run_bench`);
  await page.getByRole('img', { name: /^Loss over/ }).waitFor();
  // Until the finished curves are painted.
  await page.waitForTimeout(6_000);
  const sent = server.sent();
  const measured = await page.evaluate<{
    count: number;
    longestMs: number;
    elapsedMs: number;
  }>(`new Promise((resolve) => {
    const startedAt = performance.now();
    let last = startedAt, count = 0, longestMs = 0;
    const frame = (now) => {
      count += 1;
      longestMs = Math.max(longestMs, now - last);
      last = now;
      if (now - startedAt < ${MEASURE_MS}) requestAnimationFrame(frame);
      else resolve({ count, longestMs, elapsedMs: now - startedAt });
    };
    requestAnimationFrame(frame);
  })`);
  const arrived = server.sent() - sent;
  const shown = await page.getByText(/^grey: \d+ others$/).count();
  return {
    framesPerSecond: Number(((measured.count * 1_000) / measured.elapsedMs).toFixed(1)),
    longestFrameMs: Math.round(measured.longestMs),
    eventsArrived: arrived,
    drawn: shown > 0,
  };
}

interface Served {
  readonly url: string;
  sent(): number;
  close(): void;
}

async function serve(trials: number, points: number, eventsPerSecond: number): Promise<Served> {
  const assets = new Set(await readdir(dist, { recursive: true }));
  const run = benchRun(trials, points);
  let sent = 0;
  let step = points;
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname;
    if (path === '/v1/runs') return json(response, { items: [viewOf(run)], nextCursor: null });
    if (path === '/v1/runs/run_bench') return json(response, run);
    if (path === '/v1/runs/run_bench/metrics') return json(response, curvesOf(run, points));
    if (path.endsWith('/activity') || path.endsWith('/datasets')) return json(response, []);
    if (path === '/v1/live' || path.endsWith('/events')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const running = run.trials.filter(({ state }) => state === 'running');
      const timer = setInterval(() => {
        sent += 1;
        if (path === '/v1/live') {
          response.write(message('runs', { runs: [viewOf(run)] }));
        } else if (sent % 2 === 0) {
          step += 1;
          const curves = running.map(({ id }) => ({
            trialId: id,
            series: 'loss',
            points: [{ step, value: Math.random() }],
          }));
          response.write(message('metrics', { curves }));
        } else {
          response.write(
            message('progress', { run: viewOf(run), trials: running.map((trial) => ({ ...trial, step })) }),
          );
        }
      }, 1_000 / eventsPerSecond);
      request.on('close', () => clearInterval(timer));
      return undefined;
    }
    void sendAsset(assets.has(path.slice(1)) && path !== '/' ? path.slice(1) : 'index.html', response);
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent: () => sent,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function message(type: string, data: unknown): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

function json(response: ServerResponse, value: unknown): undefined {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(value));
  return undefined;
}

async function sendAsset(name: string, response: ServerResponse): Promise<void> {
  const body = await readFile(join(dist, `${name}.br`)).catch(() => null);
  const plain = body ?? (await readFile(join(dist, name)));
  response.writeHead(200, {
    'content-type': TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream',
    'content-length': plain.byteLength,
    ...(body === null ? {} : { 'content-encoding': 'br' }),
  });
  response.end(plain);
}

function viewOf(run: RunDetail): RunView {
  const {
    request: _,
    plans: __,
    trials: ___,
    ensemble: ____,
    scores: _____,
    artifacts: ______,
    findings: _______,
    ...view
  } = run;
  return view as RunView;
}

/** All trials but four have ended. */
function benchRun(count: number, steps: number): RunDetail {
  const now = new Date().toISOString();
  const trials = Array.from({ length: count }, (_, number): TrialView => {
    const running = number >= count - 4;
    return {
      id: `trl_${number}`,
      number,
      kind: 'search',
      algorithm: 'segresnet',
      fold: 0,
      state: running ? 'running' : 'completed',
      point: { algorithm: 'segresnet', 'segresnet.learningRate': 10 ** (-2 - (number % 20) / 10) },
      steps: steps * 2,
      step: steps,
      bestStep: steps,
      bestDice: 0.7 + (number % 17) / 100,
      diceByClass: { 1: 0.8 },
      reason: null,
      lease: 1,
      dataWaitFraction: 0.01,
      progress: null,
      startedAt: now,
      finishedAt: running ? null : now,
      checkpoint: null,
    } as TrialView;
  });
  return {
    id: 'run_bench',
    name: 'bench',
    state: 'running',
    stage: 'search',
    message: 'Searching.',
    datasetId: 'ds_bench',
    datasetName: 'bench',
    submittedBy: 'bench',
    bestDice: 0.86,
    testDice: null,
    progress: 0.5,
    etaSeconds: 600,
    etaRangeSeconds: [500, 700],
    elapsedSeconds: 600,
    deviceSeconds: 600,
    trialCounts: { planned: count, finished: count - 4, running: 4 },
    createdAt: now,
    startedAt: now,
    finishedAt: null,
    request: { dataset: 'ds_bench', seed: 0, skipInvalid: false },
    folds: 5,
    device: null,
    failure: null,
    findings: [],
    plans: [],
    trials,
    ensemble: null,
    scores: { test: null },
    artifacts: [],
  };
}

function curvesOf(run: RunDetail, points: number): MetricCurve[] {
  return run.trials.map(({ id, number }) => ({
    trialId: id,
    series: 'loss',
    points: Array.from({ length: points }, (_, step) => ({
      step,
      value: 1 / (1 + step / 100) + ((step * 7919 + number * 104729) % 101) / 2_000,
    })),
  }));
}
