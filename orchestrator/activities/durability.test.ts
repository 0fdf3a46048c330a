import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plannerOf } from '@voxhelm/algorithms/planners';
import { CPU, HIPPOCAMPUS, madeUpSummary } from '@voxhelm/algorithms/planning-fixtures';
import type { TrainJob, TrainResult } from '@voxhelm/contracts/jobs';
import { RunRequest, type SearchSettings } from '@voxhelm/contracts/run';
import { AskRecord, Point } from '@voxhelm/contracts/trial';
import { type Database, openDatabase, type Prisma } from '@voxhelm/prisma/client';
import { newId } from '@voxhelm/prisma/ids';
import { migrate } from '@voxhelm/prisma/migrate';
import { startTestPostgres, type TestPostgres } from '@voxhelm/prisma/testing/postgres';
import { type RandomStream, streamByKeys } from '@voxhelm/search/random';
import { replayAsk } from '@voxhelm/search/replay';
import { createStudy } from '@voxhelm/search/study';
import { folderStore } from '@voxhelm/storage/artifact-store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createActivities } from './all.ts';
import { loadStudy, loadStudyTrials, type Schedule } from './schedule.ts';

/*
 * Many workers ask, train and tell over one study in a real PostgreSQL, and die at any moment: before their call, after it
 * but before its answer, or while they train. VOXHELM_DURABILITY_TRIALS=1000 runs it at full length.
 */

const TRIALS = Number(process.env['VOXHELM_DURABILITY_TRIALS'] ?? 120);
const WORKERS = 16;
const DEATHS = 0.08;

let postgres: TestPostgres;
let db: Database;
let folder: string;

beforeAll(async () => {
  postgres = await startTestPostgres();
  await migrate(postgres.url);
  db = openDatabase(postgres.url, { connections: 12 });
  folder = await mkdtemp(join(tmpdir(), 'voxhelm-durability-'));
});

afterAll(async () => {
  await db.$disconnect();
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A run whose study is laid out: `trials` trials of `steps` steps by `sampler`. */
async function studyOf(
  trials: number,
  sampler: 'auto' | 'tpe',
  pruner: SearchSettings['pruner'] = 'none',
  steps = 5,
): Promise<string> {
  const datasetId = newId('ds');
  await db.dataset.create({ data: { id: datasetId, name: 'made up', path: '/made/up', workflowStarted: true } });
  const runId = newId('run');
  const request = RunRequest.parse({ dataset: datasetId, search: { trials, sampler, pruner }, plan: { steps } });
  const artifact = { uri: 'cases', sha256: 'a'.repeat(64), bytes: 1 };
  await db.run.create({
    data: {
      id: runId,
      requestSha256: 'x',
      request: request as Prisma.InputJsonObject,
      name: 'run',
      datasetId,
      seed: 7,
      state: 'running',
      plannedTrials: trials,
      casesArtifact: artifact,
    },
  });
  const planner = plannerOf('segresnet');
  const summary = madeUpSummary({ ...HIPPOCAMPUS, cases: 10 });
  const labels = HIPPOCAMPUS.labels.map((name, value) => ({ value, name }));
  const plan = planner.plan({
    summary,
    device: CPU,
    labels,
    modalities: ['MRI'],
    trainingCases: 10,
    fold: 0,
    overrides: {},
  });
  await db.bundle.create({
    data: {
      runId,
      algorithm: 'segresnet',
      fold: 0,
      plan: plan as unknown as Prisma.InputJsonObject,
      planArtifact: artifact,
    },
  });
  const study = createStudy({
    algorithms: [{ name: 'segresnet', space: planner.space(plan), defaults: planner.defaults(plan) }],
    settings: { sampler, pruner: 'none' },
    seed: 7,
  });
  const probe = { stepMs: 10, predictCaseMs: 5, startMs: 10 };
  const schedule: Schedule = {
    allocation: {
      folds: 1,
      splits: 5,
      searchTrials: trials,
      searchSteps: steps,
      foldSteps: steps,
      ensembleReserveMs: null,
      marginMs: null,
      reasons: {},
    },
    algorithms: { segresnet: { probe, planSteps: steps } },
    steps,
    trainingCases: 10,
    parallel: WORKERS,
    kept: 0,
    folds: null,
  };
  await db.study.create({
    data: {
      runId,
      space: study.space as Prisma.InputJsonObject,
      settings: { sampler, pruner },
      firstPoints: [...study.firstPoints],
      seed: 7,
      schedule,
    },
  });
  return runId;
}

function resultOf(job: TrainJob, random: RandomStream): TrainResult {
  const artifact = { uri: 'nothing', sha256: 'a'.repeat(64), bytes: 1 };
  const dice = 0.7 + (job.seed % 200) / 1000;
  const diverged = random() < 0.05;
  return {
    outcome: diverged ? 'diverged' : 'completed',
    reason: diverged ? 'the loss was NaN' : null,
    step: 5,
    bestStep: 5,
    bestDice: diverged ? null : dice,
    diceByClass: {},
    best: diverged ? null : { artifact, step: 5, dice },
    last: null,
    predictions: null,
    trainMs: 1,
    stepMs: 1,
    validationMs: 1,
  };
}

/** A stand-in for Temporal: what was started waits until it is told, and what a dead worker held is given out again. */
async function search(runId: string, trials: number): Promise<{ startedTwice: number; deaths: number }> {
  const waiting: TrainJob[] = [];
  const started = new Map<string, number>();
  const random = streamByKeys('durability', trials);
  let deaths = 0;
  const temporal = {
    countTrainers: async () => WORKERS,
    mostTrainersOfOneHost: async () => 1,
    isOpen: async () => true,
    signal: async () => undefined,
    startTrial: async ({ job }: { job: TrainJob }) => {
      // Temporal refuses a second workflow of the same id.
      const times = started.get(job.trialId) ?? 0;
      started.set(job.trialId, times + 1);
      if (times === 0) waiting.push(job);
    },
  };
  const activities = createActivities({ db, store: folderStore(folder), temporal, now: () => new Date() });

  /** Calls until an answer comes: a death before loses the call, a death after only the answer. */
  async function surviving<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      if (random() < DEATHS) {
        deaths += 1;
        continue;
      }
      const answer = await call();
      if (random() >= DEATHS) return answer;
      deaths += 1;
    }
  }

  let next = 0;
  let told = 0;
  async function ask(): Promise<void> {
    const fromNumber = next;
    const count = Math.min(4, trials - fromNumber);
    next += count;
    // Numbers are handed out once, as the run's workflow does; the activity may run any number of times.
    await surviving(() => activities.startTrials({ runId, kind: 'search', fromNumber, count }));
  }

  async function worker(): Promise<void> {
    while (told < trials) {
      const job = waiting.shift();
      if (job === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        continue;
      }
      if (random() < DEATHS) {
        // Gone while it trained: found by its silence, and given back under a new lease.
        deaths += 1;
        const { trialId, lease } = job;
        waiting.push(await surviving(() => activities.resumeTrial({ trialId, lease: lease + 1 })));
        continue;
      }
      const outcome =
        random() < 0.05
          ? ({ kind: 'failed', failure: { code: 'internal', message: 'lost', fix: null } } as const)
          : ({ kind: 'trained', result: resultOf(job, random) } as const);
      await surviving(() => activities.finishTrial({ trialId: job.trialId, outcome }));
      told += 1;
    }
  }

  /** Asks as the run does: while fewer trials are open than there are workers. */
  async function asker(): Promise<void> {
    while (next < trials) {
      if (next - told < WORKERS) await ask();
      else await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  await Promise.all([asker(), ...Array.from({ length: WORKERS }, worker)]);
  return { startedTwice: [...started.values()].filter((times) => times > 1).length, deaths };
}

test(`${TRIALS} trials over ${WORKERS} workers that die at random: none lost, none doubled, none stuck`, async () => {
  const runId = await studyOf(TRIALS, 'tpe');
  const { deaths } = await search(runId, TRIALS);
  const rows = await db.trial.findMany({ where: { runId }, orderBy: { number: 'asc' } });
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: TRIALS }, (_, i) => i));
  expect(rows.filter(({ state }) => state === 'running' || state === 'waiting')).toEqual([]);
  expect(rows.filter(({ lease }) => lease > 1).length).toBeGreaterThan(0);
  expect(deaths).toBeGreaterThan(TRIALS / 10);
  const events = await db.runEvent.groupBy({ by: ['type'], where: { runId }, _count: true });
  const count = (type: string) => events.find((event) => event.type === type)?._count ?? 0;
  expect(count('trial.started')).toBe(TRIALS);
  expect(count('trial.finished')).toBe(TRIALS);
}, 600_000);

test('every ask of the past is made again from the rows, and gives the point that was tried', async () => {
  const runId = await studyOf(36, 'auto');
  await search(runId, 36);
  const loaded = await loadStudy(db, runId);
  const stored = { ...loaded.study, trials: await loadStudyTrials(db, runId, loaded) };
  const rows = await db.trial.findMany({ where: { runId }, orderBy: { number: 'asc' } });
  const sources = new Set<string>();
  for (const { number, asked, point } of rows) {
    const record = AskRecord.parse(asked);
    sources.add(record.source);
    expect(replayAsk(stored, number, record)).toMatchObject({ point: Point.parse(point), source: record.source });
  }
  expect(sources).toContain('gp');
}, 120_000);

test('successive halving: the best of a rung go on by the plan and from the checkpoint of the trial before, within the steps', async () => {
  const [whole, wholes] = [80, 8];
  const runId = await studyOf(wholes, 'auto', 'asha', whole);
  const jobs: TrainJob[] = [];
  const temporal = {
    countTrainers: async () => 2,
    mostTrainersOfOneHost: async () => 1,
    isOpen: async () => true,
    signal: async () => undefined,
    startTrial: async ({ job }: { job: TrainJob }) => void jobs.push(job),
  };
  const activities = createActivities({ db, store: folderStore(folder), temporal, now: () => new Date() });
  for (let next = 0; ; ) {
    const { trialIds, more } = await activities.startTrials({ runId, kind: 'search', fromNumber: next, count: 2 });
    if (trialIds.length === 0) break;
    expect(more).toBe(trialIds.length < 2 ? true : undefined);
    next += trialIds.length;
    for (const job of jobs.slice(-trialIds.length)) await trainTo(job, activities);
  }
  const rows = await db.trial.findMany({ where: { runId }, orderBy: { number: 'asc' } });
  const byId = new Map(rows.map((row) => [row.id, row]));
  const promoted = rows.filter(({ sourceTrialId }) => sourceTrialId !== null);
  expect(new Set(rows.map(({ steps }) => steps))).toEqual(new Set([20, 40, 80]));
  expect(promoted.length).toBeGreaterThanOrEqual(wholes);
  for (const row of promoted) {
    const source = byId.get(row.sourceTrialId ?? '');
    const job = jobs.find(({ trialId }) => trialId === row.id);
    expect(row).toMatchObject({ point: source?.point, seed: source?.seed, planArtifact: source?.planArtifact });
    expect(row.steps).toBeGreaterThan(source?.steps ?? Number.POSITIVE_INFINITY);
    expect(job).toMatchObject({ until: row.steps, continueFrom: { last: { step: source?.step } }, prunable: true });
    expect(job?.continueFrom?.last.artifact.uri).toBe(`last-of-${row.sourceTrialId}`);
  }
  const spent = rows.reduce(
    (sum, { steps, sourceTrialId }) => sum + steps - (byId.get(sourceTrialId ?? '')?.steps ?? 0),
    0,
  );
  expect(spent).toBeLessThanOrEqual(whole * wholes);
  expect(spent).toBeGreaterThan(whole * (wholes - 1));
  expect(rows.filter(({ sourceTrialId }) => sourceTrialId === null).length).toBeGreaterThan(wholes);
  const loaded = await loadStudy(db, runId);
  const stored = { ...loaded.study, trials: await loadStudyTrials(db, runId, loaded) };
  for (const { number, asked, point, sourceTrialId } of rows) {
    const again = replayAsk(stored, number, AskRecord.parse(asked));
    expect(again?.point).toEqual(Point.parse(point));
    expect(again?.continues ?? null).toBe(byId.get(sourceTrialId ?? '')?.number ?? null);
  }
}, 120_000);

/** Trains to the end of the rung: a Dice by the learning rate, reported each ten steps. */
async function trainTo(job: TrainJob, activities: ReturnType<typeof createActivities>): Promise<void> {
  const { point } = await db.trial.findUniqueOrThrow({ where: { id: job.trialId } });
  const rate = Math.log10(Number(Point.parse(point)['segresnet.learningRate']));
  const end = 0.9 - 0.1 * (rate + 3.2) ** 2;
  const diceAt = (step: number) => end * (1 - Math.exp(-step / 20));
  const from = job.continueFrom?.last.step ?? 0;
  const until = job.until ?? 0;
  const steps = Array.from({ length: (until - from) / 10 }, (_, i) => from + 10 * (i + 1));
  await db.intermediateValue.createMany({
    data: steps.map((step) => ({ trialId: job.trialId, step, value: diceAt(step), lease: 1, attempt: 1, stop: false })),
  });
  const artifact = (name: string) => ({ uri: name, sha256: 'b'.repeat(64), bytes: 1 });
  const dice = diceAt(until);
  const result: TrainResult = {
    ...{ outcome: 'completed', reason: null, step: until, bestStep: until, bestDice: dice, diceByClass: {} },
    best: { artifact: artifact(`best-of-${job.trialId}`), step: until, dice },
    last: { artifact: artifact(`last-of-${job.trialId}`), step: until, dice: null },
    ...{ predictions: null, trainMs: 1, stepMs: 1, validationMs: 1 },
  };
  await activities.finishTrial({ trialId: job.trialId, outcome: { kind: 'trained', result } });
}
