import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ProbeResult, TrainJob } from '@voxhelm/contracts/jobs';
import type { Plan } from '@voxhelm/contracts/plan';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { changeRun } from './api/run-change.ts';
import type { Workflows } from './api/temporal.ts';
import { eventually, type Orchestra, startOrchestra } from './testing/orchestra.ts';
import { RUN_SIGNALS, RUN_STATUS_QUERY, type RunStatus, trialWorkflowId } from './workflows/signals.ts';

let orchestra: Orchestra;

beforeAll(async () => {
  orchestra = await startOrchestra();
}, 60_000);

afterEach(() => {
  orchestra.trainer.jobs.length = 0;
  orchestra.trainer.findings = [];
  orchestra.trainer.analyze = null;
  orchestra.trainer.probe = null;
  orchestra.trainer.train = async () => ({});
});

afterAll(() => orchestra.close());

/** What a person would see of a run. */
async function seen(runId: string) {
  const run = await orchestra.db.run.findUniqueOrThrow({
    where: { id: runId },
    include: {
      trials: { orderBy: { number: 'asc' } },
      events: { orderBy: { id: 'asc' } },
      ensemble: { include: { members: true } },
      artifacts: true,
      bundles: true,
    },
  });
  return { ...run, eventTypes: run.events.map(({ type }) => type) };
}

/** Trains until it is told to stop, as a long training does. */
function untilCancelled(_: TrainJob, cancelled: Promise<never>): Promise<never> {
  return cancelled;
}

test('a dataset becomes an ensemble bundle, and every step of the way is on record', async () => {
  const { runId, handle } = await orchestra.submit({
    folds: 3,
    search: { trials: 2, parallel: 2 },
    plan: { steps: 20 },
  });
  await handle.result();
  const run = await seen(runId);
  expect(run).toMatchObject({ state: 'completed', stage: 'done', progress: 1, testDice: 0.9, failure: null, folds: 3 });
  expect(
    run.trials.map(({ number, kind, fold, state, steps, lease }) => [number, kind, fold, state, steps, lease]),
  ).toEqual([
    [0, 'search', 0, 'completed', 20, 1],
    [1, 'search', 0, 'completed', 20, 1],
    [2, 'fold', 1, 'completed', 20, 1],
    [3, 'fold', 2, 'completed', 20, 1],
  ]);
  const best = run.trials.slice(0, 2).reduce((a, b) => ((b.bestDice ?? 0) > (a.bestDice ?? 0) ? b : a));
  expect(run.trials.slice(2).map(({ sourceTrialId, point }) => [sourceTrialId, point])).toEqual([
    [best.id, best.point],
    [best.id, best.point],
  ]);
  expect(run.bundles.map(({ algorithm, fold }) => [algorithm, fold])).toEqual([
    ['segresnet', 0],
    ['segresnet', 1],
    ['segresnet', 2],
  ]);
  expect(run.ensemble?.members).toHaveLength(3);
  expect(run.artifacts.map(({ kind }) => kind).sort()).toEqual(['ensemble-bundle', 'report']);
  expect(await orchestra.db.caseScore.count({ where: { runId } })).toBe(4 * 2 + 1);
  expect(run.eventTypes.filter((type) => type !== 'trial.started' && type !== 'trial.finished')).toEqual([
    'run.started',
    'stage.changed',
    'dataset.checked',
    'stage.changed',
    'bundle.planned',
    'bundle.planned',
    'bundle.planned',
    'stage.changed',
    'stage.changed',
    'stage.changed',
    'ensemble.built',
    'stage.changed',
    'run.completed',
  ]);
  expect(run.events.filter(({ message }) => !/^[A-Z].*[.]$/s.test(message))).toEqual([]);
});

test('a budget too small is refused once the fastest algorithm is measured, the others untouched, with what does', async () => {
  const measured: string[] = [];
  orchestra.trainer.probe = ({ algorithm }) => {
    measured.push(algorithm);
    return { stepMs: 2_000, predictCaseMs: 500, startMs: 5_000, tookMs: 30_000 };
  };
  const algorithms = ['swinunetr', 'dints', 'segresnet'];
  const { runId, handle } = await orchestra.submit({ algorithms, budget: '0.01 gpu-hours' });
  await expect(handle.result()).rejects.toThrow();
  const { failure, events } = await seen(runId);
  expect(measured).toEqual(['segresnet']);
  expect(failure).toMatchObject({
    code: 'invalid-request',
    message: expect.stringMatching(
      /^the budget of 0\.01 gpu-hours is too small: of segresnet alone, .* gpu-hours on this device$/,
    ),
    fix: expect.stringMatching(/^Give a budget of 0\.\d+ gpu-hours or more\.$/),
  });
  const leftOut = events.filter(({ type }) => type === 'algorithm.left-out').map(({ message }) => message);
  expect(leftOut.sort()).toEqual([
    expect.stringMatching(/^Left out dints: measuring it is expected to take .*segresnet needs/),
    expect.stringMatching(/^Left out swinunetr: /),
  ]);
});

test('an algorithm that takes too long to measure is cut, and what was measured trains in time', async () => {
  const { trainer } = orchestra;
  trainer.analyze = async () => {
    // Most of the budget is over: some seconds are left beyond what the fastest needs.
    const startedAt = new Date(Date.now() - 48_000);
    await orchestra.db.run.updateMany({ where: { name: 'nearly over' }, data: { startedAt } });
  };
  trainer.probe = ({ algorithm }, cancelled) =>
    algorithm === 'unet' ? cancelled : { tookMs: 100, startMs: 10_000, fuseCaseMs: 1 };
  const { runId, handle } = await orchestra.submit({
    ...{ algorithms: ['unet', 'segresnet'], name: 'nearly over', budget: '90s', folds: 1, search: { parallel: 2 } },
  });
  await handle.result();
  const run = await seen(runId);
  expect(run.state).toBe('completed');
  expect(new Set(run.trials.map(({ algorithm }) => algorithm))).toEqual(new Set(['segresnet']));
  expect(run.events.map(({ message }) => message)).toContain(
    'Left out unet: measuring it, with the wait for a trainer, took longer than the budget has time for.',
  );
});

test('a search over rungs goes on from the best of them, waits for those under way, and spends no more than it may', async () => {
  const { runId, handle } = await orchestra.submit({
    folds: 2,
    search: { trials: 3, parallel: 2, pruner: 'asha' },
    plan: { steps: 40 },
  });
  await handle.result();
  const run = await seen(runId);
  expect(run).toMatchObject({ state: 'completed', progress: 1, failure: null });
  const searched = run.trials.filter(({ kind }) => kind === 'search');
  expect(new Set(searched.map(({ steps }) => steps))).toEqual(new Set([10, 20, 40]));
  const byId = new Map(searched.map((trial) => [trial.id, trial]));
  const promoted = searched.filter(({ sourceTrialId }) => sourceTrialId !== null);
  for (const { id, sourceTrialId, steps } of promoted) {
    const source = byId.get(sourceTrialId ?? '');
    const job = orchestra.trainer.jobs.find(({ trialId }) => trialId === id);
    expect(job).toMatchObject({ until: steps, continueFrom: { last: { step: source?.steps } }, seed: source?.seed });
  }
  const spent = searched.map(({ steps, sourceTrialId }) => steps - (byId.get(sourceTrialId ?? '')?.steps ?? 0));
  expect(spent.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(3 * 40);
  // The winner's other fold trains whole; what was trained on counts once.
  expect(run.trials.filter(({ kind }) => kind === 'fold').map(({ steps }) => steps)).toEqual([40]);
  const continued = new Set(promoted.map(({ sourceTrialId }) => sourceTrialId));
  expect(run.ensemble?.members.filter(({ trialId }) => continued.has(trialId))).toEqual([]);
});

test('pausing frees the trainers; resuming goes on with a new lease', async () => {
  const { trainer } = orchestra;
  trainer.train = untilCancelled;
  const { runId, handle } = await orchestra.submit({
    folds: 1,
    search: { trials: 2, parallel: 2 },
    plan: { steps: 5 },
  });
  await eventually(
    async () => trainer.jobs.length,
    (jobs) => jobs === 2,
  );
  await handle.signal(RUN_SIGNALS.pause);
  const paused = await eventually(
    () => seen(runId),
    ({ state }) => state === 'paused',
  );
  expect(paused.trials.map(({ state }) => state)).toEqual(['waiting', 'waiting']);
  trainer.train = async () => ({});
  await handle.signal(RUN_SIGNALS.resume);
  await handle.result();
  const run = await seen(runId);
  expect(run).toMatchObject({ state: 'completed', pausedAt: null });
  expect(run.pausedMs).toBeGreaterThan(0);
  expect(run.trials.map(({ state, lease }) => [state, lease])).toEqual([
    ['completed', 2],
    ['completed', 2],
  ]);
  expect(run.eventTypes).toEqual(expect.arrayContaining(['run.pausing', 'run.paused', 'run.resumed', 'trial.resumed']));
});

test('a pause takes the analysis from its trainer at once, and resuming begins it anew', async () => {
  const { trainer } = orchestra;
  let begun = 0;
  trainer.analyze = (cancelled) => {
    begun += 1;
    return cancelled;
  };
  const { runId, handle } = await orchestra.submit({ folds: 1, plan: { steps: 5 } });
  await eventually(
    async () => begun,
    (count) => count === 1,
  );
  await handle.signal(RUN_SIGNALS.pause);
  await eventually(
    async () => (await seen(runId)).state,
    (state) => state === 'paused',
  );
  trainer.analyze = null;
  await handle.signal(RUN_SIGNALS.resume);
  await handle.result();
  expect(await seen(runId)).toMatchObject({ state: 'completed', failure: null });
});

test('a dataset is checked at once, though another run’s trainings hold every trainer', async () => {
  const { trainer } = orchestra;
  trainer.train = untilCancelled;
  const long = await orchestra.submit({ folds: 1, search: { trials: 2, parallel: 2 }, plan: { steps: 5 } });
  await eventually(
    async () => trainer.jobs.length,
    (jobs) => jobs === 2,
  );
  const { runId, handle } = await orchestra.submit({ folds: 1 });
  await eventually(
    async () => (await seen(runId)).eventTypes,
    (types) => types.includes('dataset.checked'),
  );
  await Promise.all([long.handle.cancel(), handle.cancel()]);
  await Promise.allSettled([long.handle.result(), handle.result()]);
});

test('cancelling lets every trainer go and keeps what was reached', async () => {
  const { trainer, client } = orchestra;
  const finishedFirst = trainer.jobs;
  trainer.train = (job, cancelled) =>
    finishedFirst.length === 1 ? Promise.resolve({}) : untilCancelled(job, cancelled);
  const { runId, handle } = await orchestra.submit({
    folds: 1,
    search: { trials: 3, parallel: 1 },
    plan: { steps: 5 },
  });
  await eventually(
    async () => trainer.jobs.length,
    (jobs) => jobs === 2,
  );
  await handle.cancel();
  await expect(handle.result()).rejects.toMatchObject({ cause: expect.any(CancelledFailure) });
  const run = await seen(runId);
  expect(run).toMatchObject({ state: 'cancelled', failure: null });
  expect(run.trials.map(({ state }) => state)).toEqual(['completed', 'cancelled']);
  expect(run.eventTypes.at(-1)).toBe('run.cancelled');
  for (const { id } of run.trials) {
    const handle = client.workflow.getHandle(trialWorkflowId(id));
    await eventually(
      async () => (await handle.describe()).status.name,
      (status) => status === 'COMPLETED',
    );
  }
});

test('a paused run can be cancelled', async () => {
  const { trainer } = orchestra;
  trainer.train = untilCancelled;
  const { runId, handle } = await orchestra.submit({ folds: 1, search: { trials: 1 }, plan: { steps: 5 } });
  await eventually(
    async () => trainer.jobs.length,
    (jobs) => jobs === 1,
  );
  await handle.signal(RUN_SIGNALS.pause);
  await eventually(
    () => seen(runId),
    ({ state }) => state === 'paused',
  );
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow();
  expect(await seen(runId)).toMatchObject({ state: 'cancelled', trials: [{ state: 'cancelled' }] });
});

test('a trial that diverges ends as that trial; one whose trainer fails for good as well; the run goes on', async () => {
  const { trainer } = orchestra;
  trainer.train = async () => {
    if (trainer.jobs.length === 1)
      return { outcome: 'diverged', reason: 'the loss became NaN at step 3', bestDice: null };
    if (trainer.jobs.length === 2) throw ApplicationFailure.nonRetryable('another network', 'bad-checkpoint');
    return {};
  };
  const { runId, handle } = await orchestra.submit({
    folds: 2,
    search: { trials: 3, parallel: 1 },
    plan: { steps: 5 },
  });
  await handle.result();
  const run = await seen(runId);
  expect(run.trials.map(({ state, reason }) => [state, reason])).toEqual([
    ['diverged', 'the loss became NaN at step 3'],
    ['failed', 'another network'],
    ['completed', null],
    ['completed', null],
  ]);
  expect(run.state).toBe('completed');
});

test('a run of which no trial left a model fails and names the cause', async () => {
  orchestra.trainer.train = async () => ({ outcome: 'diverged', reason: 'the loss became NaN', bestDice: null });
  const { runId, handle } = await orchestra.submit({ folds: 1, search: { trials: 2 }, plan: { steps: 5 } });
  await expect(handle.result()).rejects.toThrow();
  const run = await seen(runId);
  expect(run).toMatchObject({ state: 'failed', failure: { code: 'diverged' } });
  expect(run.message).toContain('2 of 2 diverged: the loss became NaN');
});

/** A probe whose loss is no number where the plan is of this algorithm. */
function divergesOf(algorithm: string) {
  return (plan: Plan): Partial<ProbeResult> =>
    plan.algorithm === algorithm ? { diverged: { of: 'training', reason: 'the loss was NaN at step 3' } } : {};
}

test('a learning rate that the user gave and that diverges while it is measured ends the run at once, told with the numbers', async () => {
  orchestra.trainer.probe = divergesOf('segresnet');
  const plan = { steps: 5, learningRate: 1e30, gradientClipNorm: null };
  const { runId, handle } = await orchestra.submit({ folds: 1, search: { trials: 2 }, plan });
  await expect(handle.result()).rejects.toThrow();
  const run = await seen(runId);
  expect(run).toMatchObject({ state: 'failed', trials: [], failure: { code: 'diverged' } });
  expect(run.message).toContain(
    'segresnet: the loss was NaN at step 3, with adamw, learningRate 1e+30 and no gradientClipNorm',
  );
  expect(run.failure).toMatchObject({ fix: expect.stringMatching(/^Lower learningRate .*gradientClipNorm/) });
});

test('of several algorithms the one that diverges while it is measured is left out, and the others are tried', async () => {
  orchestra.trainer.probe = divergesOf('segresnet');
  const { runId, handle } = await orchestra.submit({
    folds: 1,
    algorithms: ['segresnet', 'swinunetr'],
    search: { trials: 1 },
    plan: { steps: 5, learningRate: 0.3 },
  });
  await handle.result();
  const run = await seen(runId);
  expect(run).toMatchObject({ state: 'completed', trials: [{ algorithm: 'swinunetr', state: 'completed' }] });
  expect(run.events.map(({ message }) => message)).toContain(
    'Left out segresnet: it diverged while it was measured: the loss was NaN at step 3, with adamw, learningRate 0.3 and gradientClipNorm 12.',
  );
});

test('an algorithm whose own learning rate diverges while it is measured is searched for a better one, and the run says so', async () => {
  orchestra.trainer.probe = divergesOf('segresnet');
  const { runId, handle } = await orchestra.submit({ folds: 1, search: { trials: 2 }, plan: { steps: 5 } });
  await handle.result();
  const run = await seen(runId);
  expect(run).toMatchObject({ state: 'completed', trials: [{ state: 'completed' }, { state: 'completed' }] });
  const told = run.events.find(({ type }) => type === 'algorithm.diverged')?.message;
  expect(told).toMatch(
    /^segresnet diverged while it was measured: the loss was NaN at step 3, with .*others draw theirs\.$/,
  );
  // Not what was seen to diverge: in a look it would be the only one.
  const planned = Number(/learningRate ([\d.e-]+)/.exec(told ?? '')?.[1]);
  const [first] = run.trials.map(({ point }) => Number((point as Record<string, unknown>)['segresnet.learningRate']));
  expect(first).toBeLessThan(planned);
});

test('a faulty dataset is refused with its findings, or goes on without those cases', async () => {
  orchestra.trainer.findings = [
    {
      case: 'case-3',
      file: '/made/up/case-3.nii.gz',
      code: 'unreadable',
      severity: 'error',
      message: 'truncated',
      fix: 'Copy it again.',
    },
  ];
  const refused = await orchestra.submit({ folds: 1, search: { trials: 1 }, plan: { steps: 5 } });
  await expect(refused.handle.result()).rejects.toThrow();
  const run = await seen(refused.runId);
  expect(run).toMatchObject({ state: 'failed', failure: { code: 'bad-dataset' }, trials: [] });
  // What is wrong with which case are the findings.
  expect(run.message).toBe('the dataset check found 1 error in 1 case');
  const analysis = await orchestra.db.analysis.findUniqueOrThrow({ where: { id: run.analysisId ?? '' } });
  expect(analysis.findings).toHaveLength(1);

  const goesOn = await orchestra.submit({ folds: 1, search: { trials: 1 }, plan: { steps: 5 }, skipInvalid: true });
  await goesOn.handle.result();
  expect((await seen(goesOn.runId)).state).toBe('completed');
});

test('a run continues as new with trials in flight and loses none', async () => {
  const { trainer, client } = orchestra;
  const { runId, handle } = await orchestra.submit(
    { folds: 2, search: { trials: 7, parallel: 2 }, plan: { steps: 5 } },
    { trialsPerLife: 3 },
  );
  await client.workflow.getHandle(handle.workflowId).result();
  const run = await seen(runId);
  expect(run.state).toBe('completed');
  expect(run.trials.map(({ number, state }) => [number, state])).toEqual(
    Array.from({ length: 8 }, (_, number) => [number, 'completed']),
  );
  expect(trainer.jobs).toHaveLength(8);
  expect(new Set(trainer.jobs.map(({ trialId }) => trialId))).toEqual(new Set(run.trials.map(({ id }) => id)));
  const status = await client.workflow.getHandle(handle.workflowId).query<RunStatus>(RUN_STATUS_QUERY);
  expect(status).toMatchObject({ life: 3, inFlight: [] });
});

test('a run that is given more trials while its last one trains asks its study again', async () => {
  const { trainer, db } = orchestra;
  let release: (value: object) => void = () => undefined;
  trainer.train = () =>
    trainer.jobs.length === 1
      ? new Promise((resolve) => {
          release = resolve;
        })
      : Promise.resolve({});
  const { runId, handle } = await orchestra.submit({ folds: 1, search: { trials: 1 }, plan: { steps: 5 } });
  await eventually(
    async () => trainer.jobs.length,
    (jobs) => jobs === 1,
  );
  const workflows = { control: (_: string, what: string) => handle.signal(what) } as unknown as Workflows;
  await changeRun(db, workflows, runId, { trials: 3, budget: '2h' });
  release({});
  await handle.result();
  const run = await seen(runId);
  expect(run.trials.map(({ kind, state }) => [kind, state])).toEqual(Array(3).fill(['search', 'completed']));
  expect(run).toMatchObject({ state: 'completed', request: { budget: '2h', search: { trials: 3 } } });
  expect(run.eventTypes).toContain('run.changed');
  await expect(changeRun(db, workflows, runId, { trials: 9 })).rejects.toMatchObject({ code: 'conflict' });
});

test('a branch that cannot take over every finished trial tells how many, and why not the others', async () => {
  const settings = { folds: 1, plan: { steps: 5 }, search: { trials: 2 } };
  const first = await orchestra.submit({ ...settings, algorithms: ['segresnet', 'unet'] });
  await first.handle.result();
  const branch = { run: first.runId, keep: 'trials' as const };
  const second = await orchestra.submit({ ...settings, algorithms: ['segresnet'], branch });
  await second.handle.result();
  const rungs = await orchestra.submit({ ...settings, search: { trials: 1, pruner: 'asha' }, branch });
  await rungs.handle.result();
  const told = async (runId: string) => (await seen(runId)).events.find(({ type }) => type === 'trials.kept')?.message;
  expect(await told(second.runId)).toMatch(
    /^1 of 2 finished trials of run .* taken over, the best with Dice .*; not taken over: 1 of unet, which is not tried here\.$/,
  );
  expect(await told(rungs.runId)).toMatch(/^0 of 2 .* taken over; not taken over: a search over rungs has lengths/);
});

test('a branch takes over the analysis and the finished trials, and goes on from them', async () => {
  const { trainer, db } = orchestra;
  const settings = { folds: 2, plan: { steps: 5 } };
  const first = await orchestra.submit({ ...settings, search: { trials: 2 } });
  await first.handle.result();
  const before = await seen(first.runId);
  trainer.jobs.length = 0;
  const branch = { run: first.runId, keep: 'trials' as const };
  const second = await orchestra.submit({ ...settings, search: { trials: 3 }, branch });
  await second.handle.result();
  const run = await seen(second.runId);
  expect(run.analysisId).toBe(before.analysisId);
  expect(run.trials.map(({ kind, state, lease }) => [kind, state, lease])).toEqual([
    ['search', 'completed', 0],
    ['search', 'completed', 0],
    ['search', 'completed', 1],
    ['fold', 'completed', 1],
  ]);
  expect(run.trials.slice(0, 2).map(({ point, bestDice }) => [point, bestDice])).toEqual(
    before.trials.slice(0, 2).map(({ point, bestDice }) => [point, bestDice]),
  );
  expect(trainer.jobs).toHaveLength(2);
  expect(run.state).toBe('completed');
  const told = run.events.find(({ type }) => type === 'trials.kept')?.message;
  expect(told).toMatch(
    new RegExp(`^2 of 2 finished trials of run ${first.runId} taken over, the best with Dice 0\\.\\d+\\.$`),
  );
  const scores = await db.caseScore.count({ where: { ownerId: run.trials[0]?.id ?? '' } });
  expect(scores).toBe(await db.caseScore.count({ where: { ownerId: before.trials[0]?.id ?? '' } }));
});
