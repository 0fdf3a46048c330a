import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { volume } from '@voxhelm/algorithms/axes';
import { AnalysisSummary } from '@voxhelm/contracts/analysis';
import type { ArtifactRef } from '@voxhelm/contracts/artifact';
import { DatasetCheck } from '@voxhelm/contracts/dataset';
import {
  type AnalyzeJob,
  type ProbeResult,
  RunReport,
  type TrainingCase,
  type TrainJob,
  type TrainResult,
} from '@voxhelm/contracts/jobs';
import { Plan } from '@voxhelm/contracts/plan';
import { RunRequest } from '@voxhelm/contracts/run';
import { modalityUnknown } from '@voxhelm/imaging/datasets/modality';
import { type Database, openDatabase, type Prisma } from '@voxhelm/prisma/client';
import { newId } from '@voxhelm/prisma/ids';
import { migrate } from '@voxhelm/prisma/migrate';
import { startTestPostgres, type TestPostgres } from '@voxhelm/prisma/testing/postgres';
import { type ArtifactStore, folderStore, readJson, writeJson } from '@voxhelm/storage/artifact-store';
import { noteFailure } from '@voxhelm/storage/last-attempt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCases } from '../run-cases.ts';
import { fakeGpuActivities, fakeTrainer } from '../testing/fake-trainer.ts';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import { createActivities } from './all.ts';
import type { TemporalView } from './dependencies.ts';

let postgres: TestPostgres;
let db: Database;
let store: ArtifactStore;
let folder: string;

beforeAll(async () => {
  postgres = await startTestPostgres();
  await migrate(postgres.url);
  db = openDatabase(postgres.url);
  folder = await mkdtemp(join(tmpdir(), 'voxhelm-activities-'));
  store = folderStore(folder);
});

afterAll(async () => {
  await db.$disconnect();
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A Temporal that remembers what it was asked to start. */
function fakeTemporal() {
  const started: TrainJob[] = [];
  const temporal: TemporalView = {
    countTrainers: async () => 1,
    mostTrainersOfOneHost: async () => 1,
    isOpen: async () => false,
    signal: async () => undefined,
    startTrial: async ({ job }) => void started.push(job),
  };
  return { started, temporal };
}

/** The activities, each done twice, as after a lost answer; the second answer counts. */
function twice(activities: OrchestratorActivities): OrchestratorActivities {
  const entries = Object.entries(activities as unknown as Record<string, (input: unknown) => Promise<unknown>>);
  return Object.fromEntries(
    entries.map(([name, activity]) => [
      name,
      async (input: unknown) => {
        await activity(input);
        return activity(input);
      },
    ]),
  ) as unknown as OrchestratorActivities;
}

async function acceptRun(request: Partial<RunRequest>, budgetMs: number | null = null): Promise<string> {
  const datasetId = newId('ds');
  await db.dataset.create({ data: { id: datasetId, name: 'made up', path: '/made/up', workflowStarted: true } });
  const id = newId('run');
  const whole = RunRequest.parse({ dataset: datasetId, ...request });
  await db.run.create({
    data: {
      id,
      requestSha256: 'x',
      request: whole as Prisma.InputJsonObject,
      name: 'run',
      datasetId,
      seed: whole.seed,
      budgetMs: budgetMs === null ? null : BigInt(budgetMs),
    },
  });
  return id;
}

function trained(changes: Partial<TrainResult> = {}): TrainResult {
  const artifact = { uri: 'nothing', sha256: 'a'.repeat(64), bytes: 1 };
  return {
    outcome: 'completed',
    reason: null,
    step: 5,
    bestStep: 5,
    bestDice: 0.8,
    diceByClass: { '1': 0.8 },
    best: { artifact, step: 5, dice: 0.8 },
    last: { artifact, step: 5, dice: 0.8 },
    predictions: null,
    trainMs: 1,
    stepMs: 1,
    validationMs: 1,
    ...changes,
  };
}

/** Everything the database knows, without ids and times. */
async function remembered(runId: string) {
  const run = await db.run.findUniqueOrThrow({
    where: { id: runId },
    include: {
      trials: { orderBy: { number: 'asc' } },
      events: { orderBy: { id: 'asc' } },
      ensemble: { include: { members: true } },
      artifacts: true,
      bundles: true,
      analysis: { include: { cases: true } },
    },
  });
  return {
    state: run.state,
    trials: run.trials.map(({ number, state, lease, point, steps, seed }) => ({
      number,
      state,
      lease,
      point,
      steps,
      seed,
    })),
    events: run.events.map(({ type, message }) => [type, message]),
    members: run.ensemble?.members.length,
    artifacts: run.artifacts.length,
    bundles: run.bundles.length,
    cases: run.analysis?.cases.length,
    scores: await db.caseScore.count({ where: { runId } }),
  };
}

/** A run as its workflow would carry it, without Temporal. */
async function carry(activities: OrchestratorActivities, runId: string) {
  const gpu = fakeGpuActivities(store, fakeTrainer());
  await activities.recordRunAnalysis({
    runId,
    result: await gpu.analyzeDataset((await activities.beginRun({ runId })) as AnalyzeJob),
  });
  const probes = [];
  for (const { algorithm, job } of await activities.prepareBundles({ runId })) {
    probes.push({ algorithm, result: await gpu.probePlan(job) });
  }
  await activities.layOutStudy({ runId, probes });
  const trialIds: string[] = [];
  for (const kind of ['search', 'fold'] as const) {
    for (;;) {
      const started = await activities.startTrials({ runId, kind, fromNumber: trialIds.length, count: 1 });
      const [trialId] = started.trialIds;
      if (trialId === undefined) break;
      trialIds.push(trialId);
      await activities.releaseTrial({ trialId, lease: 1 });
      await activities.resumeTrial({ trialId, lease: 2 });
      await db.metricPoint.create({ data: { trialId, series: 'loss', step: 1, value: 0.5, lease: 1, attempt: 1 } });
      const predictions = await store.write(`${trialId}.json`, Buffer.from(JSON.stringify(madeUpPredictions(trialId))));
      await activities.finishTrial({ trialId, outcome: { kind: 'trained', result: trained({ predictions }) } });
    }
    if (kind === 'search') await activities.planFolds({ runId });
  }
  const job = await activities.prepareEnsemble({ runId });
  await activities.recordEnsemble({ runId, result: await gpu.buildEnsemble(job) });
  return job;
}

const MEASURED = {
  ...{ dice: 0.8, iou: 0.67, hdMm: 3, hd95Mm: 2, assdMm: 0.5, surfaceDice: 0.9 },
  volumeError: -0.1,
};

function madeUpPredictions(trialId: string) {
  const artifact = { uri: 'nothing', sha256: 'a'.repeat(64), bytes: 1 };
  const scored = {
    caseId: 'case-0',
    dice: 0.8,
    diceByClass: { '1': 0.8 },
    classes: { '1': MEASURED },
    probabilities: artifact,
    labelMap: artifact,
  };
  return { schemaVersion: 1, trialId, fold: 0, step: 5, cases: [scored] };
}

test('every activity done twice leaves what doing it once leaves', async () => {
  const request = {
    folds: 2,
    seed: 7,
    search: { sampler: 'random', pruner: 'median', trials: 2 },
    plan: { steps: 5 },
  } as const;
  const [once, again] = [await acceptRun(request), await acceptRun(request)];
  const dependencies = { db, store, now: () => new Date() };
  const first = fakeTemporal();
  await carry(createActivities({ ...dependencies, temporal: first.temporal }), once);
  const second = fakeTemporal();
  await carry(twice(createActivities({ ...dependencies, temporal: second.temporal })), again);
  expect(await remembered(again)).toEqual(await remembered(once));
  expect((await remembered(once)).trials).toHaveLength(3);
  const validated = await db.caseScore.findFirstOrThrow({ where: { runId: once, trialId: { not: null } } });
  expect(validated.scores).toMatchObject({ case: 'case-0', classes: { '1': MEASURED } });
  // Started twice, which Temporal takes as once: the same trials under the same ids.
  expect(new Set(second.started.map(({ trialId }) => trialId)).size).toBe(first.started.length);
});

test('a run that ends before its analysis leaves the check of its dataset to be started, another leaves it be', async () => {
  const activities = createActivities({ db, store, now: () => new Date(), temporal: fakeTemporal().temporal });
  const startedOf = async (runId: string): Promise<boolean> =>
    (await db.run.findUniqueOrThrow({ where: { id: runId }, include: { dataset: true } })).dataset.workflowStarted;
  const early = await acceptRun({});
  await activities.beginRun({ runId: early });
  const failure = { code: 'invalid-request', message: 'no images', fix: null } as const;
  await activities.endRun({ runId: early, state: 'failed', failure });
  expect(await startedOf(early)).toBe(false);

  const analysed = await acceptRun({});
  const job = (await activities.beginRun({ runId: analysed })) as AnalyzeJob;
  const result = await fakeGpuActivities(store, fakeTrainer()).analyzeDataset(job);
  await activities.recordRunAnalysis({ runId: analysed, result });
  await activities.endRun({ runId: analysed, state: 'cancelled', failure: null });
  expect(await startedOf(analysed)).toBe(true);
});

test('a run that nobody gives a modality fails at the end of its check with that finding, skipInvalid or not', async () => {
  const activities = createActivities({ db, store, now: () => new Date(), temporal: fakeTemporal().temporal });
  const runId = await acceptRun({ skipInvalid: true });
  const trainer = fakeTrainer();
  trainer.findings = [modalityUnknown('/made/up')];
  const result = await fakeGpuActivities(store, trainer).analyzeDataset(
    (await activities.beginRun({ runId })) as AnalyzeJob,
  );
  await expect(activities.recordRunAnalysis({ runId, result })).rejects.toMatchObject({
    type: 'bad-dataset',
    nonRetryable: true,
    details: [{ message: expect.stringContaining('modality'), fix: expect.stringContaining('CT, MRI, PET') }],
  });
});

test('every artifact lies under a plain key, without an empty part', async () => {
  const runId = await acceptRun({
    folds: 1,
    search: { sampler: 'random', pruner: 'none', trials: 1 },
    plan: { steps: 9 },
  });
  const { started, temporal } = fakeTemporal();
  const job = await carry(createActivities({ db, store, now: () => new Date(), temporal }), runId);
  const prefixes = [job.artifactPrefix, ...started.map(({ artifactPrefix }) => artifactPrefix)];
  expect(prefixes.filter((prefix) => prefix.endsWith('/'))).toEqual([]);
});

test('given splits are kept: a case in none of them is trained on by all and makes no fold of its own', async () => {
  const activities = createActivities({ db, store, now: () => new Date(), temporal: fakeTemporal().temporal });
  const runId = await acceptRun({ plan: { steps: 9 } });
  const gpu = fakeGpuActivities(store, fakeTrainer());
  const result = await gpu.analyzeDataset((await activities.beginRun({ runId })) as AnalyzeJob);
  const check = await readJson(store, result.check, DatasetCheck);
  const [first = '', second = '', third = ''] = check.cases.flatMap((one) =>
    one.role === 'training' ? [one.caseId] : [],
  );
  const datalist = { ...check.datalist, validationSplits: [[first, second], [third]] };
  const given = { ...result, check: await writeJson(store, `${runId}/check.json`, { ...check, datalist }) };
  await activities.recordRunAnalysis({ runId, result: given });
  const probes = [];
  for (const { algorithm, job } of await activities.prepareBundles({ runId }))
    probes.push({ algorithm, result: await gpu.probePlan(job) });
  await activities.layOutStudy({ runId, probes });
  const bundles = await db.bundle.findMany({ where: { runId }, orderBy: { fold: 'asc' } });
  expect(new Set(bundles.map(({ fold }) => fold))).toEqual(new Set([0, 1]));
});

test('plans, curves and members reach the trainer as artifacts', async () => {
  const runId = await acceptRun({
    folds: 1,
    search: { sampler: 'random', pruner: 'none', trials: 1 },
    plan: { steps: 9, batchSize: 1 },
  });
  const { started, temporal } = fakeTemporal();
  const job = await carry(createActivities({ db, store, now: () => new Date(), temporal }), runId);
  const [training] = started;
  if (training === undefined) throw new Error('no trial was started');
  const plan = await readJson(store, training.plan, Plan);
  expect(plan).toMatchObject({ algorithm: 'segresnet', fold: 0, batchSize: 1, training: { steps: 9 } });
  expect(training.prunable).toBe(false);
  const report = await readJson(store, job.report, RunReport);
  expect(report.trials).toMatchObject([{ number: 0, kind: 'search', bestDice: 0.8, curves: { loss: [[1, 0.5]] } }]);
});

test('a run whose time is over begins no further trial', async () => {
  const runId = await acceptRun({ folds: 1, search: { sampler: 'random', pruner: 'none', trials: 5 } }, 600_000);
  let nowMs = Date.now();
  const { temporal } = fakeTemporal();
  const activities = createActivities({ db, store, now: () => new Date(nowMs), temporal });
  const gpu = fakeGpuActivities(store, fakeTrainer());
  await activities.recordRunAnalysis({
    runId,
    result: await gpu.analyzeDataset((await activities.beginRun({ runId })) as AnalyzeJob),
  });
  const [bundle] = await activities.prepareBundles({ runId });
  if (bundle === undefined) throw new Error('no bundle was planned');
  await activities.layOutStudy({
    runId,
    probes: [{ algorithm: bundle.algorithm, result: await gpu.probePlan(bundle.job) }],
  });
  expect((await activities.startTrials({ runId, kind: 'search', fromNumber: 0, count: 1 })).trialIds).toHaveLength(1);
  nowMs += 599_000;
  expect((await activities.startTrials({ runId, kind: 'search', fromNumber: 1, count: 1 })).trialIds).toEqual([]);
});

/** Milliseconds as measured for the sample dataset's plans on two idle cores. */
const PROBES: Readonly<Record<string, Partial<ProbeResult>>> = {
  segresnet: { stepMs: 115, predictCaseMs: 210, startMs: 3_500 },
  swinunetr: { stepMs: 260, predictCaseMs: 630, startMs: 5_000 },
  unet: { stepMs: 165, predictCaseMs: 280, startMs: 3_500 },
  dints: {
    ...{ stepMs: 80, predictCaseMs: 210, startMs: 4_000 },
    architectureSearch: { openMs: 9_000, warmupStepMs: 150, stepMs: 300 },
  },
};

/** A run that names no algorithm and was laid out `planningMs` after it began, as if its probes had measured that; `pass` lets time go by. */
async function laidOut(budgetMs: number, planningMs: number, measured: (algorithm: string) => Partial<ProbeResult>) {
  const runId = await acceptRun({}, budgetMs);
  let nowMs = Date.now();
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  const { started, temporal } = fakeTemporal();
  const activities = createActivities({ db, store, now: () => new Date(nowMs), temporal });
  const gpu = fakeGpuActivities(store, fakeTrainer());
  const analysis = (await activities.beginRun({ runId })) as AnalyzeJob;
  await activities.recordRunAnalysis({ runId, result: await gpu.analyzeDataset(analysis) });
  const probes = [];
  for (const { algorithm, job } of await activities.prepareBundles({ runId }))
    probes.push({ algorithm, result: { ...(await gpu.probePlan(job)), ...measured(algorithm) } });
  pass(planningMs);
  await activities.layOutStudy({ runId, probes });
  return { runId, activities, started, pass };
}

test('eleven minutes that name no algorithm try all four, and search an architecture in a share of them', async () => {
  const { runId, activities, started, pass } = await laidOut(660_000, 50_000, (algorithm) => PROBES[algorithm] ?? {});

  for (let number = 0; number < 4; number++) {
    const { trialIds } = await activities.startTrials({ runId, kind: 'search', fromNumber: number, count: 1 });
    pass(55_000);
    const [trialId = ''] = trialIds;
    const predictions = await store.write(`${trialId}.json`, Buffer.from(JSON.stringify(madeUpPredictions(trialId))));
    const { training } = await readJson(store, started.at(-1)?.plan as ArtifactRef, Plan);
    const result = trained({ predictions, step: training.steps });
    await activities.finishTrial({ trialId, outcome: { kind: 'trained', result } });
  }
  const plans = await Promise.all(started.map((job) => readJson(store, job.plan, Plan)));
  expect(new Set(plans.map(({ algorithm }) => algorithm))).toEqual(new Set(Object.keys(PROBES)));
  for (const { training } of plans) expect(training.steps).toBeGreaterThanOrEqual(150);
  const search = plans.find(({ algorithm }) => algorithm === 'dints')?.architectureSearch;
  // A fifth of a quarter of the time: 30 seconds.
  expect(search?.steps).toBeLessThanOrEqual(80);
  expect(9_000 + 150 * (search?.warmupSteps ?? 0) + 300 * (search?.steps ?? 0)).toBeLessThan(45_000);
  // Looks: what they found trains whole on every fold, the search's own included.
  const { plannedTrials, folds } = await db.run.findUniqueOrThrow({ where: { id: runId } });
  expect(plannedTrials).toBe(4 + (folds ?? 0));
  await activities.planFolds({ runId });
  for (let number = 4; number < 4 + (folds ?? 0); number++)
    await activities.startTrials({ runId, kind: 'fold', fromNumber: number, count: 1 });
  const whole = await Promise.all(started.slice(4).map((job) => readJson(store, job.plan, Plan)));
  expect(whole.map(({ fold }) => fold)).toEqual(Array.from({ length: folds ?? 0 }, (_, fold) => fold));
  const look = plans.find(({ algorithm }) => algorithm === whole[0]?.algorithm);
  expect(whole[0]?.training.steps).toBeGreaterThan(1.3 * (look?.training.steps ?? 0));
  // Each is cut from the whole plan, not from one that was cut before.
  const bundles = await db.bundle.findMany({ where: { runId, algorithm: whole[0]?.algorithm ?? '' } });
  const [full] = bundles.map((row) => Plan.parse(row.plan).training.steps);
  const { steps } = whole[0]?.training ?? {};
  expect(full).toBeGreaterThan(2 * (steps ?? 0));
  expect(whole[0]?.reasons['training.steps']).toContain(`${steps} of ${full} planned steps`);
});

test('on a slower machine fewer algorithms are tried, but never one of several that are kept', async () => {
  for (const pace of [2, 3, 5]) {
    const { runId } = await laidOut(660_000, 110_000, (algorithm) => {
      const { architectureSearch, stepMs = 0, predictCaseMs = 0, startMs = 0 } = PROBES[algorithm] ?? {};
      const slower = { stepMs: pace * stepMs, predictCaseMs: pace * predictCaseMs, startMs: pace * startMs };
      const search =
        architectureSearch == null ? null : { ...architectureSearch, stepMs: pace * architectureSearch.stepMs };
      return { ...slower, architectureSearch: search };
    });
    const { schedule } = await db.study.findUniqueOrThrow({ where: { runId } });
    const { algorithms, allocation } = schedule as { algorithms: object; allocation: { searchTrials: number } };
    const kept = Object.keys(algorithms).length;
    expect(allocation.searchTrials, `${pace} times slower`).toBeGreaterThanOrEqual(kept);
    expect(await db.runEvent.count({ where: { runId, type: 'algorithm.left-out' } })).toBe(4 - kept);
  }
});

test('an algorithm whose measuring failed is left out for that, not for being slow', async () => {
  const runId = await acceptRun({ folds: 1, algorithms: ['segresnet', 'unet', 'swinunetr'] }, 600_000);
  const activities = createActivities({ db, store, now: () => new Date(), temporal: fakeTemporal().temporal });
  const gpu = fakeGpuActivities(store, fakeTrainer());
  const analysis = (await activities.beginRun({ runId })) as AnalyzeJob;
  await activities.recordRunAnalysis({ runId, result: await gpu.analyzeDataset(analysis) });
  const probes = [];
  for (const { algorithm, job } of await activities.prepareBundles({ runId })) {
    if (algorithm === 'segresnet') probes.push({ algorithm, result: await gpu.probePlan(job) });
    // As its trainer does of each attempt that fails.
    const attempted = { artifactPrefix: job.artifactPrefix ?? '', lease: 0 };
    if (algorithm === 'unet') await noteFailure(store, attempted, 1, 'the engine broke');
  }
  await activities.layOutStudy({ runId, probes });
  const leftOut = await db.runEvent.findMany({
    where: { runId, type: 'algorithm.left-out' },
    orderBy: { key: 'desc' },
  });
  expect(leftOut.map(({ message }) => message)).toEqual([
    'Left out unet: measuring it failed (the engine broke), and the budget had no time to do it again.',
    'Left out swinunetr: measuring it, with the wait for a trainer, took longer than the budget has time for.',
  ]);
});

test('the first algorithm is measured while the budget lasts; one that is over is refused, with why measuring failed where it did', async () => {
  let nowMs = Date.now();
  const temporal = fakeTemporal().temporal;
  const activities = createActivities({ db, store, now: () => new Date(nowMs), temporal });
  const gpu = fakeGpuActivities(store, fakeTrainer());
  const prepared = async (plan: RunRequest['plan']) => {
    const runId = await acceptRun({ algorithms: ['segresnet', 'unet'], plan }, 600_000);
    const analysis = (await activities.beginRun({ runId })) as AnalyzeJob;
    await activities.recordRunAnalysis({ runId, result: await gpu.analyzeDataset(analysis) });
    const probes = await activities.prepareBundles({ runId });
    expect(probes.map(({ inBudget, ifTime }) => [inBudget, ifTime])).toEqual([
      [true, false],
      [false, true],
    ]);
    return { runId, first: probes[0] as (typeof probes)[number] };
  };
  const { runId, first } = await prepared(undefined);
  const fixed = await prepared({ steps: 100 });
  const asked = { runId, algorithm: first.algorithm };
  expect(await activities.timeForFirstProbe({ ...asked, wasCut: false })).toBeCloseTo(600_000, -4);
  nowMs += 601_000;
  const over = (failure: string) => ({
    type: 'invalid-request',
    nonRetryable: true,
    message: expect.stringMatching(new RegExp(`^the budget of 10m was over before segresnet.* measured: ${failure}`)),
  });
  await expect(activities.timeForFirstProbe({ ...asked, wasCut: true })).rejects.toMatchObject(over('with the wait'));
  await noteFailure(store, { artifactPrefix: first.job.artifactPrefix ?? '', lease: 0 }, 2, 'the engine broke');
  await expect(activities.timeForFirstProbe({ ...asked, wasCut: true })).rejects.toMatchObject(
    over('it failed \\(the engine broke\\)'),
  );
  // Steps that the user fixed are trained whatever the budget.
  const whenFixed = { runId: fixed.runId, algorithm: fixed.first.algorithm, wasCut: true };
  expect(await activities.timeForFirstProbe(whenFixed)).toBeNull();
});

test('trials are planned to fit what the probe measured, with fewer and smaller patches where they must', async () => {
  const plansOf = async (memory: ProbeResult['memory']) => {
    const { runId } = await laidOut(660_000, 50_000, (name) =>
      name === 'segresnet' ? { ...PROBES[name], ...(memory === undefined ? {} : { memory }) } : (PROBES[name] ?? {}),
    );
    const rows = await db.bundle.findMany({ where: { runId, algorithm: 'segresnet' } });
    const events = await db.runEvent.findMany({ where: { runId, type: 'algorithm.smaller' } });
    return { plans: rows.map(({ plan }) => Plan.parse(plan)), told: events.map(({ message }) => message) };
  };
  // 8 GB less 15 % and 1,500 MB of service: 5,463 MB.
  for (const roomy of [undefined, { stepsPeakMb: 5_000, deviceMb: 8_192, cases: 5 }]) {
    const { plans, told } = await plansOf(roomy);
    for (const plan of plans) expect(plan).toMatchObject({ patchSize: [32, 48, 32], batchSize: 2 });
    expect(told).toEqual([]);
  }
  const tight = await plansOf({ stepsPeakMb: 7_000, deviceMb: 8_192, cases: 5 });
  for (const plan of tight.plans) {
    expect(plan).toMatchObject({ patchSize: [32, 48, 32], batchSize: 1, training: { accumulate: 2 } });
    expect(plan.reasons['batchSize']).toMatch(
      /1 of 2 patches at once: .*2 patches of 32 x 48 x 32, which took 7000 MB/,
    );
  }
  expect(tight.told).toEqual([
    expect.stringMatching(/^segresnet is planned with 1 patch of 32 x 48 x 32 at once; 1 of 2/),
  ]);
  const tiny = await plansOf({ stepsPeakMb: 7_000, deviceMb: 4_000, cases: 5 });
  for (const plan of tiny.plans) {
    expect(plan.batchSize).toBe(1);
    expect(volume(plan.patchSize)).toBeLessThan(32 * 48 * 32);
    plan.patchSize.forEach((size) => expect(size % 8).toBe(0));
    expect(plan.reasons['patchSize']).toMatch(/in place of 32 x 48 x 32: .*there are \d+ MB beside service and cases/);
  }
});

test('a trial that was told once keeps its first end', async () => {
  const runId = await acceptRun({
    folds: 1,
    search: { sampler: 'random', pruner: 'none', trials: 1 },
    plan: { steps: 5 },
  });
  const { started, temporal } = fakeTemporal();
  const activities = createActivities({ db, store, now: () => new Date(), temporal });
  await carry(activities, runId);
  const trialId = started[0]?.trialId ?? '';
  await activities.finishTrial({ trialId, outcome: { kind: 'trained', result: trained({ bestDice: 0.1 }) } });
  expect(await db.trial.findUniqueOrThrow({ where: { id: trialId } })).toMatchObject({
    state: 'completed',
    bestDice: 0.8,
  });
});

test('events of trials that finish at the same moment become visible in the order of their ids', async () => {
  const runId = await acceptRun({
    folds: 1,
    search: { sampler: 'random', pruner: 'none', trials: 1 },
    plan: { steps: 5 },
  });
  const activities = createActivities({ db, store, now: () => new Date(), temporal: fakeTemporal().temporal });
  const seen: bigint[] = [];
  const done = new AbortController();
  const reader = (async () => {
    while (!done.signal.aborted) {
      const after = seen.at(-1) ?? 0n;
      const events = await db.runEvent.findMany({ where: { runId, id: { gt: after } }, orderBy: { id: 'asc' } });
      seen.push(...events.map(({ id }) => id));
    }
  })();
  await Promise.all(Array.from({ length: 20 }, (_, pause) => activities.markPausing({ runId, pause: pause + 1 })));
  done.abort();
  await reader;
  const all = await db.runEvent.findMany({ where: { runId }, orderBy: { id: 'asc' } });
  const late = all.filter(({ id }) => id > (seen.at(-1) ?? 0n)).map(({ id }) => id);
  expect([...seen, ...late]).toEqual(all.map(({ id }) => id));
  expect(all).toHaveLength(20);
});

test('weights to start from are copied into the run and stand in every trial’s plan', async () => {
  const path = join(folder, 'theirs.safetensors');
  await writeFile(path, 'weights');
  const runId = await acceptRun({
    algorithms: ['segresnet'],
    folds: 1,
    search: { sampler: 'random', pruner: 'none', trials: 1 },
    plan: { steps: 5, startFrom: path, freeze: 'encoder', ema: 0.99 },
  });
  const { started, temporal } = fakeTemporal();
  await carry(createActivities({ db, store, now: () => new Date(), temporal }), runId);
  const plan = await readJson(store, started[0]?.plan as TrainJob['plan'], Plan);
  expect(plan.training).toMatchObject({ freeze: 'encoder', ema: 0.99, startFrom: { source: path, required: true } });
  await rm(path);
  const weights = plan.training.startFrom?.weights;
  expect(weights === undefined ? null : (await store.read(weights)).toString()).toBe('weights');
});

test('a bundle of another run is found by its id; one that made none is refused', async () => {
  const earlier = await acceptRun({
    folds: 1,
    search: { sampler: 'random', pruner: 'none', trials: 1 },
    plan: { steps: 5 },
  });
  const activities = createActivities({ db, store, now: () => new Date(), temporal: fakeTemporal().temporal });
  await carry(activities, earlier);
  const row = await db.artifact.findFirstOrThrow({ where: { runId: earlier, kind: 'ensemble-bundle' } });
  await store.write(row.uri, Buffer.from('bundle'));
  const begin = async (startFrom: string) => {
    const runId = await acceptRun({ plan: { steps: 5, startFrom } });
    const job = (await activities.beginRun({ runId })) as AnalyzeJob;
    const result = await fakeGpuActivities(store, fakeTrainer()).analyzeDataset(job);
    await activities.recordRunAnalysis({ runId, result });
    return activities.prepareBundles({ runId });
  };
  const [bundle] = await begin(`run:${earlier}`);
  const plan = await readJson(store, bundle?.job.plan as TrainJob['plan'], Plan);
  expect(plan.training.startFrom).toMatchObject({ source: `run:${earlier}`, required: false });
  await expect(begin('run:nobody')).rejects.toThrow(/has no bundle/);
});

test('a budget of trainers’ time is divided among them, and every training is told when to end', async () => {
  const hour = 3_600_000;
  const runId = await acceptRun({ algorithms: ['segresnet'], budget: '8 gpu-hours' }, 8 * hour);
  const { started, temporal } = fakeTemporal();
  const startedAt = new Date();
  const dependencies = { db, store, now: () => startedAt, temporal: { ...temporal, countTrainers: async () => 4 } };
  await carry(createActivities(dependencies), runId);
  const { budgetMs, startedAt: begun } = await db.run.findUniqueOrThrow({ where: { id: runId } });
  expect(Number(budgetMs)).toBe(2 * hour);
  const endsMs = started.map(({ ends }) => Date.parse(ends?.at ?? '') - (begun?.getTime() ?? 0));
  expect(Math.max(...endsMs)).toBeLessThan(2 * hour);
  expect(Math.min(...endsMs)).toBeGreaterThan(1.5 * hour);
  expect(started[0]?.ends?.leastSteps).toBeGreaterThan(0);
});

test('test images without a label are not predicted, so they take none of the time to choose the ensemble in', async () => {
  const now = new Date();
  const runId = await acceptRun(
    { algorithms: ['segresnet'], folds: 1, search: { sampler: 'random', pruner: 'none', trials: 1 } },
    600_000,
  );
  const activities = createActivities({ db, store, now: () => now, temporal: fakeTemporal().temporal });
  const { budgetMs } = await carry(activities, runId);
  const cases = await readCases({ db, store }, await db.run.findUniqueOrThrow({ where: { id: runId } }));
  const unlabelled = Array.from({ length: 2_000 }, (_, i) => ({
    ...(cases[0] as TrainingCase),
    ...{ caseId: `unlabelled-${i}`, label: null, fold: null },
  }));
  const casesArtifact = await writeJson(store, `${runId}/cases.json`, [...cases, ...unlabelled]);
  await db.run.update({ where: { id: runId }, data: { casesArtifact } });
  expect(budgetMs).toBeGreaterThan(500_000);
  expect((await activities.prepareEnsemble({ runId })).budgetMs).toBe(budgetMs);
});

test('an algorithm of which a branch can take over no trial, for its space was changed, gets no place for them in a small budget', async () => {
  const activities = createActivities({ db, store, now: () => new Date(), temporal: fakeTemporal().temporal });
  const random = { sampler: 'random', pruner: 'none' } as const;
  const settings = { folds: 1, algorithms: ['segresnet', 'unet'] };
  const first = await acceptRun({ ...settings, plan: { steps: 5 }, search: { ...random, trials: 2 } });
  await carry(activities, first);
  const gpu = fakeGpuActivities(store, fakeTrainer());
  const branched = async (spaces: Record<string, Record<string, unknown>>) => {
    const branch = { run: first, keep: 'trials' } as const;
    const runId = await acceptRun({ ...settings, branch, search: { ...random, spaces } }, 240_000);
    await activities.beginRun({ runId });
    const probes = [];
    for (const { algorithm, job } of await activities.prepareBundles({ runId })) {
      // Time for one of the two alone.
      const times = { stepMs: algorithm === 'unet' ? 950 : 700, startMs: 5_000, predictCaseMs: 500, tookMs: 30_000 };
      probes.push({ algorithm, result: { ...(await gpu.probePlan(job)), ...times } });
    }
    const [fastest] = probes;
    const isMeasured = await activities.timeForProbe({ runId, algorithm: 'unet', probes: fastest ? [fastest] : [] });
    await activities.layOutStudy({ runId, probes });
    const { schedule } = await db.study.findUniqueOrThrow({ where: { runId } });
    return [isMeasured !== null, new Set(Object.keys((schedule as { algorithms: object }).algorithms))];
  };
  expect(await branched({})).toEqual([true, new Set(settings.algorithms)]);
  expect(await branched({ unet: { learningRate: 0.5 } })).toEqual([false, new Set(['segresnet'])]);
});

test('a plan comes from the cases that may be trained on: comparison cases enter neither its statistics nor its counts', async () => {
  const activities = createActivities({ db, store, now: () => new Date(), temporal: fakeTemporal().temporal });
  const before = await acceptRun({ folds: 2, algorithms: ['segresnet'] });
  const { datasetId } = await db.run.findUniqueOrThrow({ where: { id: before } });
  await carry(activities, before);
  const held = ['case-0', 'case-1', 'case-2', 'case-3'];
  await db.comparisonCase.createMany({
    data: held.map((caseId) => ({ datasetId, caseId, sha256: caseId, patient: null })),
  });

  // Branched from a run that learnt of all ten: its analysis is not taken over.
  const branch = { run: before, keep: 'analysis' } as const;
  const after = await acceptRun({ folds: 2, algorithms: ['segresnet'], branch });
  await db.run.update({ where: { id: after }, data: { datasetId } });
  const job = await activities.beginRun({ runId: after });
  expect(job?.heldOut?.map(({ caseId }) => caseId)).toEqual(held);
  await carry(activities, after);
  const plannedFrom = async (runId: string) => {
    const { plan } = await db.bundle.findFirstOrThrow({ where: { runId, fold: 0 } });
    const { analysis } = await db.run.findUniqueOrThrow({ where: { id: runId }, include: { analysis: true } });
    const { n_cases: cases } = AnalysisSummary.parse(analysis?.summary);
    return { cases, steps: Plan.parse(plan).training.steps };
  };
  const [all, some] = [await plannedFrom(before), await plannedFrom(after)];
  expect([all.cases, some.cases]).toEqual([10, 6]);
  expect(some.steps).toBeLessThan(all.steps);
});
