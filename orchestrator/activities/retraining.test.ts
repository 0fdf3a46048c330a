import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Plan } from '@voxhelm/contracts/plan';
import { RunRequest, type RunRequestInput } from '@voxhelm/contracts/run';
import { PairedComparison, Retraining, ScheduleSettings } from '@voxhelm/contracts/schedule';
import { type Database, openDatabase, type Prisma } from '@voxhelm/prisma/client';
import { newId } from '@voxhelm/prisma/ids';
import { fromJson, toJson } from '@voxhelm/prisma/json';
import { migrate } from '@voxhelm/prisma/migrate';
import { startTestPostgres, type TestPostgres } from '@voxhelm/prisma/testing/postgres';
import { type ArtifactStore, folderStore, writeJson } from '@voxhelm/storage/artifact-store';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { z } from 'zod';
import { learntByRun } from '../learnt-cases.ts';
import { promoteByHand } from '../promotions.ts';
import { fakeGpuActivities, fakeTrainer } from '../testing/fake-trainer.ts';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import { createActivities } from './all.ts';
import { readRun } from './run-rows.ts';
import { fixedSteps } from './schedule.ts';

/*
 * What retrainings compare on stays unseen, whatever comes together: the activities of firings on a real database and real
 * folders, called one by one as no schedule could time them. Runs are planned and then said to be done.
 */

let postgres: TestPostgres;
let db: Database;
let store: ArtifactStore;
let home: string;
let activities: OrchestratorActivities;
const trainer = fakeTrainer();
/** Workflows of firings that were ended from outside. */
const gone = new Set<string>();

beforeAll(async () => {
  postgres = await startTestPostgres();
  await migrate(postgres.url);
  db = openDatabase(postgres.url);
  home = await mkdtemp(join(tmpdir(), 'voxhelm-retraining-'));
  store = folderStore(join(home, 'artifacts'));
  activities = createActivities({
    db,
    store,
    now: () => new Date(),
    temporal: {
      countTrainers: async () => 1,
      mostTrainersOfOneHost: async () => 1,
      isOpen: async (workflowId) => !gone.has(workflowId),
      signal: async () => undefined,
      startTrial: async () => undefined,
    },
  });
});
afterAll(async () => {
  await db.$disconnect();
  await postgres.stop();
  await rm(home, { recursive: true, force: true });
});

let folder: string;
let datasetId: string;
let cases = 0;
beforeEach(async () => {
  folder = await mkdtemp(join(home, 'dataset-'));
  for (const place of ['imagesTr', 'labelsTr']) await mkdir(join(folder, place));
  datasetId = newId('ds');
  await db.dataset.create({ data: { id: datasetId, name: datasetId, path: folder, workflowStarted: true } });
});

async function addCases(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const name = `case_${String(cases++).padStart(4, '0')}x.nii.gz`;
    await writeFile(join(folder, 'imagesTr', name), String(1_000 + cases));
    await writeFile(join(folder, 'labelsTr', name), `label ${name}`);
  }
}

async function newSchedule(name: string, asked: Partial<z.input<typeof ScheduleSettings>> = {}): Promise<string> {
  const id = newId('sch');
  const run = { folds: 2, algorithms: ['segresnet'], search: { trials: 1 } };
  const settings = ScheduleSettings.parse({
    trigger: { kind: 'interval', every: '1d' },
    start: 'nothing',
    run,
    ...asked,
  });
  await db.schedule.create({ data: { id, name, datasetId, settings: toJson(settings) as object, synced: true } });
  return id;
}

let firings = 0;
/** A firing that has looked at the dataset, and decided nothing yet. */
async function look(scheduleId: string): Promise<string> {
  const workflowKey = `firing-${scheduleId}-${firings++}/first`;
  const begun = await activities.beginFiring({ scheduleId, workflowKey, scheduledAt: new Date().toISOString() });
  if (begun === null) throw new Error('no firing');
  const { firingId, listing, analyze } = begun;
  if (analyze === null) return firingId;
  const result = await fakeGpuActivities(store, trainer).analyzeDataset(analyze);
  await activities.recordFiringLook({ firingId, listing, result });
  return firingId;
}

/** Plans a run for real; what it trains on stands in its cases. */
async function planned(runId: string): Promise<void> {
  const job = await activities.beginRun({ runId });
  if (job !== null) {
    const result = await fakeGpuActivities(store, trainer).analyzeDataset(job);
    await activities.recordRunAnalysis({ runId, result });
  }
  await activities.prepareBundles({ runId });
}

/** Says of a planned run that it has a model. */
async function done(runId: string): Promise<void> {
  const bundle = await store.write(`runs/${runId}/bundle.zip`, Buffer.from(`bundle of ${runId}`));
  const fusion = { mode: 'mean', flips: [], largestComponent: [] };
  const chosen = { rule: 'best-n', n: 1, fusion, trialIds: [], validationDice: 0.8, validationCases: 1 };
  await db.ensemble.create({ data: { runId, plan: { schemaVersion: 1, chosen, candidates: [chosen] } } });
  await db.artifact.create({
    data: {
      id: newId('art'),
      runId,
      kind: 'ensemble-bundle',
      name: 'bundle.zip',
      ...bundle,
      bytes: BigInt(bundle.bytes),
    },
  });
  await db.run.update({ where: { id: runId }, data: { state: 'completed', finishedAt: new Date() } });
}

/** A run by hand. */
async function submit(request: Partial<RunRequestInput> = {}): Promise<string> {
  const id = newId('run');
  const whole = RunRequest.parse({ dataset: datasetId, folds: 2, algorithms: ['segresnet'], ...request });
  await db.run.create({
    data: { id, requestSha256: id, request: whole as Prisma.InputJsonObject, name: id, datasetId, seed: 0 },
  });
  return id;
}

/** A firing with its decision. */
async function fire(scheduleId: string): Promise<{ firingId: string; runIds: readonly string[] }> {
  const firingId = await look(scheduleId);
  return { firingId, ...(await activities.planRetraining({ firingId })) };
}

/** The rest of a firing whose runs are done. */
async function conclude(firingId: string): Promise<PairedComparison | null> {
  const { jobs } = await activities.prepareComparison({ firingId });
  for (const { runId, job } of jobs) {
    const result = await fakeGpuActivities(store, trainer).scoreBundle(job);
    await activities.recordScores({ firingId, runId, result });
  }
  await activities.concludeFiring({ firingId });
  const { comparison } = await firing(firingId);
  return comparison === null ? null : fromJson('Firing.comparison', PairedComparison, comparison);
}

/** A whole retraining; the run that it made. */
async function retrain(scheduleId: string): Promise<string> {
  const { firingId, runIds } = await fire(scheduleId);
  const [runId] = runIds;
  if (runId === undefined) throw new Error((await firing(firingId)).message);
  await planned(runId);
  await done(runId);
  await conclude(firingId);
  return runId;
}

const firing = (id: string) => db.firing.findUniqueOrThrow({ where: { id } });
const held = async (): Promise<string[]> =>
  (await db.comparisonCase.findMany({ where: { datasetId }, orderBy: { caseId: 'asc' } })).map(({ caseId }) => caseId);
const learnt = async (runId: string): Promise<string[]> =>
  (await learntByRun({ db, store }, runId)).cases.map(({ caseId }) => caseId);
const overlap = (some: readonly string[], others: readonly string[]) => some.filter((one) => others.includes(one));

test('while one schedule retrains on a dataset another does not, holds nothing out, and forgets no trigger by hand', async () => {
  await addCases(40);
  const [first, second] = [await newSchedule('first'), await newSchedule('second')];
  await retrain(first);
  await addCases(10);
  const { firingId, runIds } = await fire(first);
  const before = await held();
  await planned(runIds[0] ?? '');
  await db.schedule.update({ where: { id: second }, data: { forced: true } });
  await addCases(10);
  const other = await fire(second);
  expect(other.runIds).toEqual([]);
  expect(await firing(other.firingId)).toMatchObject({
    state: 'idle',
    message: expect.stringContaining(`firing ${firingId} of schedule "first" retrains on this dataset already`),
  });
  expect(await db.schedule.findUnique({ where: { id: second } })).toMatchObject({ forced: true });
  expect(await held()).toEqual(before);
  expect(overlap(before, await learnt(runIds[0] ?? ''))).toEqual([]);

  await done(runIds[0] ?? '');
  await conclude(firingId);
  const later = await fire(second);
  expect(later.runIds).toHaveLength(1);
  // Its new cases come into the comparison, and none of those that the first one trained on.
  expect((await held()).length).toBeGreaterThan(before.length);
  expect(overlap(await held(), await learnt(runIds[0] ?? ''))).toEqual([]);
});

test('a first champion is made by one schedule alone, and one whose workflow was ended from outside is not waited for', async () => {
  await addCases(14);
  const schedule = await newSchedule('a');
  const lost = await fire(schedule);
  // Nor do two schedules both make the first champion.
  expect((await fire(await newSchedule('b'))).runIds).toEqual([]);
  const { workflowKey } = await firing(lost.firingId);
  gone.add(workflowKey.split('/')[0] ?? '');
  expect((await fire(schedule)).runIds).toHaveLength(1);
  expect(await firing(lost.firingId)).toMatchObject({
    state: 'failed',
    message: expect.stringContaining('from outside'),
  });
});

test('retrainings that fail again and again hold nothing more out', async () => {
  await addCases(40);
  const schedule = await newSchedule('a');
  await retrain(schedule);
  await addCases(20);
  const counts: number[] = [];
  for (let round = 0; round < 3; round++) {
    const { firingId } = await fire(schedule);
    counts.push((await held()).length);
    await activities.endFiring({ firingId, state: 'failed', message: 'The trainer burnt.' });
    await db.schedule.update({ where: { id: schedule }, data: { forced: true } });
  }
  expect(counts).toEqual([12, 12, 12]);
});

test('who becomes champion by hand while a firing looks is who it goes by: it holds out nothing that the champion saw', async () => {
  await addCases(20);
  const byHand = await submit();
  await planned(byHand);
  await done(byHand);
  const schedule = await newSchedule('a');
  await addCases(4);
  const firingId = await look(schedule);
  await promoteByHand(db, store, datasetId, byHand);
  // Of the 4 new cases it could hold out 2, on which nothing can be proved: told before anything trains.
  expect(await activities.planRetraining({ firingId })).toEqual({ runIds: [] });
  expect(await firing(firingId)).toMatchObject({
    state: 'idle',
    championRunId: byHand,
    message: expect.stringMatching(/no challenger could win: .* 2 can be compared on, and the test needs 5/),
  });
  expect(await held()).toEqual([]);

  await addCases(4);
  expect((await fire(schedule)).runIds).toHaveLength(1);
  expect(await held()).toHaveLength(6);
  expect(overlap(await held(), await learnt(byHand))).toEqual([]);
  const late = await submit();
  await planned(late);
  await done(late);
  await promoteByHand(db, store, datasetId, late);
});

test('fewer comparison cases than asked for are told, and a run that saw one cannot become champion', async () => {
  await addCases(12);
  const saw = await submit();
  await planned(saw);
  await done(saw);
  const schedule = await newSchedule('a', { comparison: { cases: 20 } });
  const { firingId } = await fire(schedule);
  expect((await firing(firingId)).message).toContain('Compared on 10 cases, not on the 20 asked for');
  await expect(promoteByHand(db, store, datasetId, saw)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('10 of the comparison cases'),
  });
});

test('weights that learnt from a comparison case are refused as a start, by run, by file, and through a run between them', async () => {
  await addCases(14);
  const old = await submit();
  await planned(old);
  await done(old);
  // Trains on other cases itself, but goes on from the old one's weights.
  const hidden = (await learnt(old)).slice(0, 6);
  const away = join(folder, 'away');
  await mkdir(away);
  const move = async (from: (place: string) => string, to: (place: string) => string) => {
    for (const caseId of hidden)
      for (const place of ['imagesTr', 'labelsTr'])
        await rename(join(from(place), `${caseId}.nii.gz`), join(to(place), `${caseId}.nii.gz`));
  };
  const aside = (place: string) => join(away, place);
  const inside = (place: string) => join(folder, place);
  for (const place of ['imagesTr', 'labelsTr']) await mkdir(aside(place));
  await move(inside, aside);
  const between = await submit({ plan: { startFrom: `run:${old}` } });
  await planned(between);
  await done(between);
  await move(aside, inside);
  await rm(away, { recursive: true });
  expect(new Set(await learnt(between))).toEqual(new Set(await learnt(old)));

  const [caseId = ''] = hidden;
  await db.comparisonCase.create({ data: { datasetId, caseId, sha256: 'x' } });
  const file = join(home, 'downloaded.zip');
  const row = await db.artifact.findFirstOrThrow({ where: { runId: old } });
  await cp(join(home, 'artifacts', row.uri), file);
  for (const startFrom of [`run:${old}`, `run:${between}`, file]) {
    const run = await submit({ plan: { startFrom } });
    await expect(planned(run)).rejects.toMatchObject({
      type: 'conflict',
      message: expect.stringContaining(`learnt from 1 of the dataset's comparison cases (${caseId})`),
    });
  }
  await expect(promoteByHand(db, store, datasetId, between)).rejects.toMatchObject({ code: 'conflict' });
});

test('weights of unknown origin in a schedule’s run are refused unless it says that they are to be trusted', async () => {
  await addCases(14);
  const file = join(home, 'theirs.safetensors');
  await writeFile(file, 'weights');
  const run = { folds: 2, algorithms: ['segresnet'], plan: { startFrom: file } };
  const { firingId, runIds } = await fire(await newSchedule('a', { run }));
  await expect(planned(runIds[0] ?? '')).rejects.toThrow(/nobody knows whether the weights/);
  await activities.endFiring({ firingId, state: 'failed', message: 'Refused.' });
  const trusted = await fire(await newSchedule('b', { run, trustStart: true }));
  await planned(trusted.runIds[0] ?? '');
});

test('a label that changes while models train leaves its case out, and the next comparison scores both on it', async () => {
  await addCases(14);
  const schedule = await newSchedule('a');
  const champion = await retrain(schedule);
  await addCases(2);
  // The champion's scores by the labels of now.
  await retrain(schedule);
  await addCases(2);
  const { firingId, runIds } = await fire(schedule);
  await planned(runIds[0] ?? '');
  await done(runIds[0] ?? '');
  const [changed = ''] = await held();
  await writeFile(join(folder, 'labelsTr', `${changed}.nii.gz`), 'another label');
  const comparison = await conclude(firingId);
  expect(comparison?.cases.map(({ caseId }) => caseId)).toEqual((await held()).slice(1));
  expect(comparison?.leftOut).toEqual([changed]);
  expect(comparison?.reason).toContain('whose files changed between the scoring of the one and of the other');

  trainer.scored.length = 0;
  await db.schedule.update({ where: { id: schedule }, data: { forced: true } });
  await retrain(schedule);
  expect(trainer.scored.find(({ runId }) => runId === champion)).toEqual({ runId: champion, cases: 1 });
});

test('a comparison case that a model was trained on all the same does not judge it', async () => {
  await addCases(14);
  const schedule = await newSchedule('a');
  await retrain(schedule);
  await addCases(2);
  const { firingId, runIds } = await fire(schedule);
  await planned(runIds[0] ?? '');
  await done(runIds[0] ?? '');
  const [caseId = ''] = await learnt(runIds[0] ?? '');
  await db.comparisonCase.create({ data: { datasetId, caseId, sha256: 'x' } });
  const comparison = await conclude(firingId);
  expect(comparison?.leftOut).toEqual([caseId]);
  expect(comparison?.reason).toContain('1 comparison case which one of the models learnt from');
  expect(comparison?.cases).toHaveLength(6);
});

test('a retraining takes over the plan that the search found best, not that of the easiest fold, and no number of steps', async () => {
  await addCases(14);
  const schedule = await newSchedule('a', {
    start: 'champion',
    run: { folds: 2, algorithms: ['segresnet'], budget: '10m' },
  });
  const champion = await retrain(schedule);
  const { plan: whole } = await db.bundle.findFirstOrThrow({ where: { runId: champion, fold: 0 } });
  const own = Plan.parse(whole);
  const trial = async (number: number, kind: string, fold: number, bestDice: number, learningRate: number) => {
    const plan = { ...own, fold, training: { ...own.training, steps: 60, learningRate } };
    const artifact = await writeJson(store, `runs/${champion}/trials/${number}.json`, plan);
    const id = `${champion}-${number}`;
    const data = { id, runId: champion, number, kind, algorithm: 'segresnet', fold, state: 'completed', bestDice };
    await db.trial.create({
      data: {
        ...data,
        point: {},
        steps: 60,
        seed: 0,
        planArtifact: artifact,
        checkpoint: artifact,
        predictions: artifact,
      },
    });
    return id;
  };
  await trial(0, 'search', 0, 0.6, 0.111);
  await trial(1, 'search', 0, 0.5, 0.222);
  await trial(2, 'fold', 1, 0.9, 0.333);
  const allocation = { folds: 2, splits: 2, searchTrials: 2, searchSteps: 60, foldSteps: 60 };
  const probe = { stepMs: 1, predictCaseMs: 1, startMs: 1 };
  await db.study.create({
    data: {
      runId: champion,
      space: {},
      settings: {},
      firstPoints: [],
      seed: 0,
      schedule: {
        allocation: { ...allocation, ensembleReserveMs: null, marginMs: null, reasons: {} },
        algorithms: { segresnet: { probe, planSteps: own.training.steps } },
        ...{ steps: null, trainingCases: 8, parallel: 1, folds: null },
      },
    },
  });
  await addCases(2);
  const { runIds } = await fire(schedule);
  const run = await readRun(db, runIds[0] ?? '');
  expect(fromJson('Run.retraining', Retraining, run.retraining).startFrom).toBe(champion);
  const taken = Plan.parse(RunRequest.parse(run.request).plan?.plans?.['segresnet']);
  expect(taken.training).toMatchObject({ learningRate: 0.111, steps: own.training.steps, startFrom: null });
  // The budget decides how long it trains.
  expect(fixedSteps(run, [{ name: 'segresnet', planSteps: own.training.steps }])).toBeNull();
});
