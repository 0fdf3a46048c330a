import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChampionView, FiringView, ScheduleDetail, ScheduleView } from '@voxhelm/contracts/api-schedules';
import type { TrainJob } from '@voxhelm/contracts/jobs';
import { Plan } from '@voxhelm/contracts/plan';
import { RunRequest } from '@voxhelm/contracts/run';
import { type ScheduleCreate, ScheduleSettings } from '@voxhelm/contracts/schedule';
import { createApp } from '@voxhelm/orchestrator/api/app';
import type { App } from '@voxhelm/orchestrator/api/services';
import { temporalWorkflows, type Workflows } from '@voxhelm/orchestrator/api/temporal';
import { registeredAnalysis } from '@voxhelm/orchestrator/known-analysis';
import { CRON_EXAMPLES } from '@voxhelm/orchestrator/testing/cron-examples';
import {
  eventually as eventuallyWithin,
  type Orchestra,
  startOrchestra,
} from '@voxhelm/orchestrator/testing/orchestra';
import type { Prisma } from '@voxhelm/prisma/client';
import { newId } from '@voxhelm/prisma/ids';
import { readJson } from '@voxhelm/storage/artifact-store';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { z } from 'zod';

/*
 * Schedules as a user has them, by the API: real Temporal with its schedules, real PostgreSQL, real workflows. The dataset is
 * a real folder; the trainer is made up, so that a retraining takes no time and its Dice is what the test says.
 */

/** On two cores that others use as well, a firing of no work at all takes seconds. */
const PATIENCE_SECONDS = 90;
const eventually = <T>(look: () => Promise<T>, wanted: (value: T) => boolean): Promise<T> =>
  eventuallyWithin(look, wanted, PATIENCE_SECONDS);

let orchestra: Orchestra;
let workflows: Workflows;
let app: App;
let home: string;
let dataset: string;
let cases = 0;

beforeAll(async () => {
  orchestra = await startOrchestra();
  home = await mkdtemp(join(tmpdir(), 'voxhelm-schedules-'));
  workflows = temporalWorkflows({ temporalAddress: orchestra.temporalAddress, temporalNamespace: 'default' });
  const { db: database, store } = orchestra;
  const settings = { home, artifacts: join(home, 'artifacts'), apiKey: undefined };
  const lostFiringsEveryMs = 500;
  app = await createApp({ settings, database, store, workflows, algorithms: ['segresnet'], lostFiringsEveryMs });
});
afterAll(async () => {
  await app.close();
  await workflows.close();
  await orchestra.close();
  await rm(home, { recursive: true, force: true });
});
beforeEach(async () => {
  dataset = await mkdtemp(join(home, 'dataset-'));
  await Promise.all(['imagesTr', 'labelsTr'].map((name) => mkdir(join(dataset, name))));
  await addCases(14);
  orchestra.trainer.jobs.length = 0;
  orchestra.trainer.scored.length = 0;
  orchestra.trainer.score = () => 0.9;
  orchestra.trainer.train = async () => ({});
});
afterEach(async () => {
  for (const { id } of await orchestra.db.schedule.findMany({ where: { deletedAt: null } })) {
    await app.inject({ method: 'DELETE', url: `/v1/schedules/${id}` });
  }
});

/** New labelled cases whose foreground lies about `level`. */
async function addCases(count: number, level = 100): Promise<void> {
  for (let i = 0; i < count; i++) {
    const name = `case_${String(cases++).padStart(3, '0')}x.nii.gz`;
    await writeFile(join(dataset, 'imagesTr', name), String(level + (cases % 7)));
    await writeFile(join(dataset, 'labelsTr', name), `label ${name}`);
  }
}

/** Whose weights a training starts from; null: drawn from its seed. */
async function startOf(job: TrainJob): Promise<string | null> {
  return (await readJson(orchestra.store, job.plan, Plan)).training.startFrom?.source ?? null;
}

const RUN = { folds: 2, search: { trials: 1 }, plan: { steps: 5 } };
type Asked = Partial<z.input<typeof ScheduleCreate>> & Pick<z.input<typeof ScheduleCreate>, 'trigger'>;

async function post<T>(url: string, body?: object): Promise<T> {
  const response = await app.inject({ method: 'POST', url, ...(body === undefined ? {} : { payload: body }) });
  expect(response.statusCode, response.body).toBeLessThan(300);
  return response.json() as T;
}

const create = (asked: Asked): Promise<ScheduleView> => post('/v1/schedules', { dataset, run: RUN, ...asked });
const NEVER = { kind: 'cron', expression: '0 0 1 1 *' } as const;

async function detail(id: string): Promise<ScheduleDetail> {
  return (await app.inject({ url: `/v1/schedules/${id}` })).json() as ScheduleDetail;
}

/** The schedule's firings in a state, newest first, once there are so many. */
async function until(id: string, state: FiringView['state'], count = 1): Promise<FiringView[]> {
  const found = await eventually(
    async () => (await detail(id)).firings,
    (firings) => firings.filter((firing) => firing.state === state).length >= count,
  );
  return found.filter((firing) => firing.state === state);
}

async function champion(): Promise<ChampionView> {
  return (await app.inject({ url: `/v1/datasets/${encodeURIComponent(dataset)}/champion` })).json() as ChampionView;
}

/** Triggers and waits for the firing's end. */
async function triggered(id: string): Promise<FiringView> {
  const before = (await detail(id)).firings.length;
  await post(`/v1/schedules/${id}/trigger`);
  const [firing] = await eventually(
    async () => (await detail(id)).firings,
    ([first, ...others]) => others.length >= before && first?.finishedAt !== null && first !== undefined,
  );
  return firing as FiringView;
}

test('an interval fires, the first model becomes champion, 4 new cases are retrained on from its weights and win', async () => {
  orchestra.trainer.score = () => 0.8;
  const schedule = await create({ trigger: { kind: 'interval', every: '2s' }, start: 'champion' });
  const [first] = await until(schedule.id, 'promoted');
  const firstRun = first?.runs[0];
  expect(first?.message).toContain('first champion');
  expect(firstRun).toMatchObject({ startFrom: null, state: 'completed' });
  const before = await champion();
  expect(before.champion?.runId).toBe(firstRun?.id);
  expect(before.comparisonCases).toHaveLength(6);
  const trained = orchestra.trainer.jobs.map(({ cases: ref }) => ref);
  const seen = JSON.parse((await orchestra.store.read(trained[0] as (typeof trained)[0])).toString()) as {
    caseId: string;
  }[];
  expect(seen.filter(({ caseId }) => before.comparisonCases.includes(caseId))).toEqual([]);
  // Nothing new: it fires again and says why it did nothing.
  const [idle] = await until(schedule.id, 'idle');
  expect(idle?.message).toContain('nothing to learn from: 0 new cases');
  // On unchanged files it goes by its own look, though the run has made a newer check of the dataset since.
  const { seenAnalysisId } = await orchestra.db.schedule.findUniqueOrThrow({ where: { id: schedule.id } });
  const checks = await orchestra.db.analysis.findMany({ where: { datasetId: schedule.datasetId } });
  expect(checks.filter(({ id }) => id > (seenAnalysisId ?? '')).map(({ owner }) => owner)).toEqual([
    `run-${firstRun?.id}`,
  ]);
  const { analysisId } = await orchestra.db.firing.findUniqueOrThrow({ where: { id: idle?.id ?? '' } });
  expect(analysisId).toBe(seenAnalysisId);

  orchestra.trainer.score = () => 0.85; // The champion's scores are known: it is not scored again.
  orchestra.trainer.jobs.length = 0;
  await addCases(4);
  const [second] = await until(schedule.id, 'promoted', 2);
  expect(second?.findings?.newCases).toHaveLength(4);
  expect(second?.reusedCases).toBe(14);
  expect(second?.runs).toEqual([expect.objectContaining({ startFrom: firstRun?.id, state: 'completed' })]);
  expect(second?.comparison).toMatchObject({ better: true, meanDifference: expect.closeTo(0.05) });
  expect(second?.comparison?.pValue).toBeCloseTo(1 / 2 ** 6);
  const starts = await Promise.all(orchestra.trainer.jobs.map(startOf));
  expect(starts).toEqual([expect.stringContaining(firstRun?.id ?? '?'), expect.stringContaining(firstRun?.id ?? '?')]);
  const after = await champion();
  expect(after.champion?.runId).toBe(second?.challengerRunId);
  expect(after.comparisonCases).toEqual(before.comparisonCases);
  expect(after.promotions.map(({ kind, runId }) => [kind, runId])).toEqual([
    ['better', second?.challengerRunId],
    ['first', firstRun?.id],
  ]);
  // The stable address gives the present champion's bundle.
  const bundle = await app.inject({ url: `/v1/datasets/${after.datasetId}/champion/bundle` });
  expect([bundle.statusCode, bundle.body]).toEqual([200, 'zip']);
});

test('a schedule by count waits for its cases; a challenger that is not better is kept, with the numbers', async () => {
  const schedule = await create({ trigger: { kind: 'cases', count: 3, every: '1s' }, start: 'nothing' });
  await until(schedule.id, 'promoted');
  await addCases(2);
  const [waiting] = await eventually(
    async () => (await detail(schedule.id)).firings,
    ([newest]) => newest?.findings?.newCases.length === 2 && newest.state === 'idle',
  );
  expect(waiting?.message).toBe('2 new cases, 0 corrected cases; waiting for 3.');
  orchestra.trainer.score = () => 0.9;
  await addCases(1);
  const [kept] = await until(schedule.id, 'kept');
  expect(kept?.findings?.newCases).toHaveLength(3);
  expect(kept?.message).toMatch(/Kept the champion: the challenger is not better \(mean Dice \+0.0000 over 6 cases/);
  expect((await champion()).promotions).toHaveLength(1);
  // The same cases fire no second time.
  const [next] = await eventually(
    async () => (await detail(schedule.id)).firings,
    ([newest]) => newest?.state === 'idle' && newest.id > (kept?.id ?? ''),
  );
  expect(next?.message).toContain('0 new cases');
  // A corrected label of a comparison case judges the models anew, and is nothing to learn from.
  const [heldOut] = (await champion()).comparisonCases;
  await writeFile(join(dataset, 'labelsTr', `${heldOut}.nii.gz`), 'a corrected label');
  const [looked] = await eventually(
    async () => (await detail(schedule.id)).firings,
    ([newest]) => newest?.finishedAt != null && newest.id > (next?.id ?? '') && newest.reusedCases !== null,
  );
  expect([looked?.reusedCases, looked?.message]).toEqual([16, '0 new cases, 0 corrected cases; waiting for 3.']);
});

test('a schedule by drift lets new cases of the same kind pass and retrains on scaled ones; its webhook is written', async () => {
  const hook = await post<{ id: string }>('/v1/webhooks', {
    url: 'http://127.0.0.1:9/x',
    events: ['drift', 'champion.kept'],
  });
  const schedule = await create({ trigger: { kind: 'drift', limit: 3, every: '1s' }, start: 'nothing' });
  await until(schedule.id, 'promoted');
  await addCases(3);
  const [near] = await eventually(
    async () => (await detail(schedule.id)).firings,
    ([newest]) => (newest?.drift ?? null) !== null,
  );
  expect(near).toMatchObject({ state: 'idle', message: expect.stringContaining('is within the limit 3') });
  await addCases(4, 300);
  const [far] = await until(schedule.id, 'kept');
  expect(far?.drift).toBeGreaterThan(3);
  expect(far?.findings?.drift[0]?.feature).toContain('intensity');
  const told = await orchestra.db.webhookDelivery.findMany({ where: { webhookId: hook.id }, orderBy: { id: 'asc' } });
  expect(told.map(({ event }) => event)).toEqual(['drift', 'champion.kept']);
  await app.inject({ method: 'DELETE', url: `/v1/webhooks/${hook.id}` });
});

test('auto trains once from the champion and once from nothing, and the better one by validation is compared', async () => {
  const schedule = await create({ trigger: NEVER });
  const first = await triggered(schedule.id);
  orchestra.trainer.train = async (job) => ({ bestDice: (await startOf(job)) === null ? 0.95 : 0.7 });
  await addCases(2);
  const second = await triggered(schedule.id);
  expect(second.runs.map(({ startFrom }) => startFrom)).toEqual([first.challengerRunId, null]);
  expect(second.challengerRunId).toBe(second.runs[1]?.id);
  expect(orchestra.trainer.scored.map(({ runId }) => runId)).not.toContain(second.runs[0]?.id);
});

test('while paused it fires no more, its note stays, and it can be triggered all the same', async () => {
  const schedule = await create({ trigger: { kind: 'interval', every: '1s' }, paused: true, note: 'scanner moves' });
  await sleep(2_500);
  expect(await detail(schedule.id)).toMatchObject({ paused: true, note: 'scanner moves', firings: [], nextAt: [] });
  expect((await triggered(schedule.id)).forced).toBe(true);
  await post(`/v1/schedules/${schedule.id}/resume`, { note: 'scanner is back' });
  const before = (await detail(schedule.id)).firings.length;
  const { firings, nextAt, note } = await eventually(
    () => detail(schedule.id),
    (now) => now.firings.length > before,
  );
  expect(firings.some(({ forced }) => !forced)).toBe(true);
  expect([nextAt.length > 0, note]).toEqual([true, 'scanner is back']);
  await post(`/v1/schedules/${schedule.id}/pause`, {});
  expect(await detail(schedule.id)).toMatchObject({ paused: true, synced: true });
});

test('what fell due while the service was down is made up for', async () => {
  const every = 2_000;
  const schedule = await create({ trigger: { kind: 'interval', every: '2s' }, overlap: 'buffer-all' });
  await until(schedule.id, 'promoted');
  await orchestra.stopTemporal();
  const downAt = Date.now();
  await sleep(2 * every + 500);
  const upAt = Date.now();
  await orchestra.startTemporal();
  const caughtUp = (firings: readonly FiringView[]) =>
    firings.filter(({ scheduledAt }) => Date.parse(scheduledAt) > downAt && Date.parse(scheduledAt) < upAt);
  const { firings } = await eventually(
    () => detail(schedule.id),
    (now) => caughtUp(now.firings ?? []).length >= 2,
  );
  for (const { scheduledAt, startedAt } of caughtUp(firings)) {
    expect(Date.parse(startedAt)).toBeGreaterThan(Date.parse(scheduledAt));
    expect(Date.parse(startedAt)).toBeGreaterThanOrEqual(upAt);
  }
});

test('a firing that is due while one goes on is left out; buffered, it waits for its turn', async () => {
  let release: () => void = () => undefined;
  const hold = new Promise<void>((resolve) => {
    release = resolve;
  });
  orchestra.trainer.train = async () => {
    await hold;
    return {};
  };
  const skipping = await create({ trigger: { kind: 'interval', every: '1s' } });
  await until(skipping.id, 'retraining');
  const { skipped } = await eventually(
    () => detail(skipping.id),
    (now) => (now.skipped ?? 0) >= 2,
  );
  expect(skipped).toBeGreaterThanOrEqual(2);
  expect((await detail(skipping.id)).firings).toHaveLength(1);
  // "Trigger now" does not start a second one beside it either: it comes after.
  await post(`/v1/schedules/${skipping.id}/trigger`);
  await sleep(500);
  expect((await detail(skipping.id)).firings).toHaveLength(1);
  release();
  await until(skipping.id, 'promoted');
  await eventually(
    () => detail(skipping.id),
    (now) => now.firings.some(({ forced }) => forced),
  );
});

test('rollback gives back the champion before, again and again, and the log keeps every step', async () => {
  const schedule = await create({ trigger: NEVER, start: 'nothing' });
  const runs: (string | null)[] = [];
  for (let round = 0; round < 3; round++) {
    orchestra.trainer.score = (runId) => 0.5 + 0.1 * (runs.includes(runId) ? runs.indexOf(runId) : runs.length);
    const { state, challengerRunId, message } = await triggered(schedule.id);
    expect(state, message).toBe('promoted');
    runs.push(challengerRunId);
    await addCases(1);
  }
  const url = `/v1/datasets/${encodeURIComponent(dataset)}/rollback`;
  expect((await post<ChampionView>(url)).champion?.runId).toBe(runs[1]);
  expect((await post<ChampionView>(url)).champion?.runId).toBe(runs[0]);
  const none = await app.inject({ method: 'POST', url });
  expect([none.statusCode, none.json().code]).toEqual([409, 'conflict']);
  expect((await champion()).promotions.map(({ kind }) => kind)).toEqual([
    'rollback',
    'rollback',
    'better',
    'better',
    'first',
  ]);
  const held = await orchestra.db.comparisonCase.findFirstOrThrow();
  await expect(orchestra.db.comparisonCase.deleteMany({ where: { caseId: held.caseId } })).rejects.toThrow(/for ever/);
  await expect(orchestra.db.promotion.deleteMany()).rejects.toThrow(/for ever/);
  await expect(orchestra.db.champion.deleteMany()).rejects.toThrow(/for ever/);
});

test('a retraining that fails leaves the champion and says why', async () => {
  const schedule = await create({ trigger: NEVER, start: 'nothing' });
  const first = await triggered(schedule.id);
  orchestra.trainer.train = async () => ({ outcome: 'diverged', reason: 'the loss became NaN', bestDice: null });
  await addCases(1);
  const failed = await triggered(schedule.id);
  expect(failed).toMatchObject({ state: 'failed', message: expect.stringContaining('the loss became NaN') });
  expect((await champion()).champion?.runId).toBe(first.challengerRunId);
});

test('a retraining that fails or is cancelled is not begun again at every look, but when cases change', async () => {
  orchestra.trainer.train = async () => ({ outcome: 'diverged', reason: 'the loss became NaN', bestDice: null });
  const schedule = await create({ trigger: { kind: 'cases', count: 1, every: '1s' }, start: 'nothing' });
  const held = (word: string, id = schedule.id) =>
    eventually(
      async () => (await detail(id)).firings,
      ([newest]) => newest?.state === 'idle' && newest.message.includes(word),
    );
  const firings = await held('Not again before');
  expect(firings[0]?.message).toMatch(/^The dataset has no champion yet. Not again .* failed \(.*the loss became NaN/);
  expect(firings.filter(({ state }) => state === 'failed')).toHaveLength(1);

  orchestra.trainer.train = (_job, cancelled) => cancelled;
  await addCases(1);
  const [going] = await until(schedule.id, 'retraining');
  await post(`/v1/runs/${going?.runs[0]?.id}/cancel`);
  const later = await held('was cancelled');
  expect(later.filter(({ runs }) => runs.length > 0)).toHaveLength(2);

  const other = await create({ name: 'other', trigger: { kind: 'cases', count: 1, every: '1s' }, start: 'nothing' });
  expect((await held('was cancelled', other.id)).every(({ runs }) => runs.length === 0)).toBe(true);
});

test('a folder that is away fails each look and is told once; a firing that was terminated does not go on for ever', async () => {
  const hook = await post<{ id: string }>('/v1/webhooks', { url: 'http://127.0.0.1:9/x', events: ['schedule.failed'] });
  const told = () => orchestra.db.webhookDelivery.findMany({ where: { webhookId: hook.id } });
  let release: () => void = () => undefined;
  const hold = new Promise<void>((resolve) => {
    release = resolve;
  });
  orchestra.trainer.train = () => hold.then(() => ({}));
  const schedule = await create({ trigger: { kind: 'interval', every: '1s' }, start: 'nothing' });
  const [going] = await until(schedule.id, 'retraining');
  await rename(dataset, `${dataset}-away`);
  const { workflowKey } = await orchestra.db.firing.findUniqueOrThrow({ where: { id: going?.id ?? '' } });
  await orchestra.client.workflow.getHandle(workflowKey.split('/')[0] ?? '').terminate('by a test');
  const failed = await until(schedule.id, 'failed', 4);
  expect(failed.at(-1)).toMatchObject({ id: going?.id, message: expect.stringContaining('ended from outside') });
  expect(failed[0]?.message).toContain(dataset);
  // The firing that retrained, and the outage.
  expect(await told()).toHaveLength(2);
  release();
  await rename(`${dataset}-away`, dataset);
  await app.inject({ method: 'DELETE', url: `/v1/webhooks/${hook.id}` });
});

test('one that Temporal refuses holds up none behind it, and our check of expressions is as strict as its', async () => {
  const good = await create({ trigger: NEVER, paused: true });
  const bad = newId('sch', Date.now() - 60_000);
  const settings = ScheduleSettings.parse({ trigger: { kind: 'cron', expression: '99 99 * * *' } });
  await orchestra.db.schedule.create({
    data: { id: bad, name: bad, datasetId: good.datasetId, settings: settings as unknown as Prisma.InputJsonObject },
  });
  await post(`/v1/schedules/${good.id}/resume`, {});
  const { synced, nextAt } = await detail(good.id);
  expect([synced, nextAt.length > 0]).toEqual([true, true]);
  expect(await detail(bad)).toMatchObject({
    synced: false,
    refusal: expect.stringContaining('Minute is not in range'),
  });

  const { schedule } = orchestra.client;
  let made = 0;
  const takes = async (expression: string): Promise<boolean> => {
    const action = { type: 'startWorkflow', workflowType: 'none', taskQueue: 'none' } as const;
    const spec = { cronExpressions: [expression], timezone: 'UTC' };
    try {
      const scheduleId = `cron-example-${made++}`;
      const handle = await schedule.create({ scheduleId, spec, action, state: { paused: true } });
      await handle.delete();
      return true;
    } catch (error) {
      if (error instanceof TypeError) return false;
      throw error;
    }
  };
  const wrong: string[] = [];
  for (const expression of CRON_EXAMPLES.taken) if (!(await takes(expression))) wrong.push(`refuses ${expression}`);
  for (const expression of CRON_EXAMPLES.refused) if (await takes(expression)) wrong.push(`takes ${expression}`);
  expect(wrong).toEqual([]);
});

test('times are those of the time zone, and what was due in the past is fired for when asked', async () => {
  const schedule = await create({ trigger: { ...NEVER, timeZone: 'Asia/Tokyo' }, start: 'nothing' });
  expect((await detail(schedule.id)).nextAt[0]).toMatch(/-12-31T15:00:00.000Z$/);
  await post(`/v1/schedules/${schedule.id}/backfill`, { from: '2024-12-30T00:00:00Z', to: '2026-01-02T00:00:00Z' });
  const firings = await eventually(
    async () => (await detail(schedule.id)).firings,
    (found) => found.length === 2 && found.every(({ finishedAt }) => finishedAt !== null),
  );
  expect(firings.map(({ scheduledAt, state }) => [scheduledAt, state])).toEqual([
    ['2025-12-31T15:00:00.000Z', 'idle'],
    ['2024-12-31T15:00:00.000Z', 'promoted'],
  ]);
});

test('buffer-one: of all firings that were due while one went on, one comes after it', async () => {
  let release: () => void = () => undefined;
  const hold = new Promise<void>((resolve) => {
    release = resolve;
  });
  orchestra.trainer.train = () => hold.then(() => ({}));
  const schedule = await create({
    trigger: { kind: 'interval', every: '1s' },
    start: 'nothing',
    overlap: 'buffer-one',
  });
  await until(schedule.id, 'retraining');
  await eventually(
    () => detail(schedule.id),
    (now) => (now.skipped ?? 0) >= 2,
  );
  const releasedAt = Date.now();
  release();
  const [first, second] = await eventually(
    async () => (await detail(schedule.id)).firings.reverse(),
    (found) => found.length >= 2,
  );
  const due = (firing: FiringView | undefined): number => Date.parse(firing?.scheduledAt ?? '');
  expect(due(second) - due(first)).toBeLessThanOrEqual(2_000);
  expect(Date.parse(second?.startedAt ?? '')).toBeGreaterThan(releasedAt);
});

test('cancel-other: the next firing takes the place of the one that goes on, and trains in its stead', async () => {
  orchestra.trainer.train = (_job, cancelled) => cancelled;
  const schedule = await create({
    trigger: { kind: 'interval', every: '3s' },
    start: 'nothing',
    overlap: 'cancel-other',
  });
  const firings = await eventually(
    async () => (await detail(schedule.id)).firings,
    ([newest, ...before]) =>
      newest?.state === 'retraining' && before.some(({ state, runs }) => state === 'cancelled' && runs.length > 0),
  );
  const [before] = firings.filter(({ state, runs }) => state === 'cancelled' && runs.length > 0);
  expect(before?.runs[0]?.state).toBe('cancelled');
});

test('a run with labels of its own says nothing of the dataset that a look could take over', async () => {
  const schedule = await create({ trigger: NEVER, start: 'nothing' });
  const { runs } = await triggered(schedule.id);
  const known = await registeredAnalysis(orchestra.db, schedule.datasetId);
  expect(known?.owner).toBe(`run-${runs[0]?.id}`);
  const [id, analysisId] = [newId('run'), newId('an')];
  await orchestra.db.analysis.create({ data: { ...known, id: analysisId, owner: `run-${id}` } as never });
  const { datasetId } = schedule;
  const request = { ...RunRequest.parse({ dataset, labels: { 1: 'both' } }) } as unknown as Prisma.InputJsonObject;
  const row = { id, requestSha256: 'x', request, name: 'both', datasetId, seed: 0, workflowStarted: true, analysisId };
  await orchestra.db.run.create({ data: row });
  expect((await registeredAnalysis(orchestra.db, datasetId))?.id).toBe(known?.id);
});
