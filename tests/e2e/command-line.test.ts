import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunDetail, RunView } from '@voxhelm/contracts/api';
import type { Evaluation } from '@voxhelm/contracts/evaluation';
import { readLabel } from '@voxhelm/imaging/nifti';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestService, type TestService, voxhelm } from '../support/service.ts';
import { SAMPLES, smallDataset } from '../support/small-dataset.ts';

/* What a user does at the command line, against a real `voxhelm up`. */

let folder: string;
let dataset: string;
let service: TestService;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxhelm-e2e-'));
  dataset = await smallDataset(join(folder, 'data'), 6, 2);
  service = await startTestService();
});
afterAll(async () => {
  await service.stop();
  await rm(folder, { recursive: true, force: true });
});

const PLAN = { patchSize: [32, 32, 32], batchSize: 1, network: { init_filters: 8, blocks_down: [1, 2, 2] } };

async function requestFile(name: string, fields: Record<string, unknown>): Promise<string> {
  const path = join(folder, `${name}.json`);
  await writeFile(path, JSON.stringify({ name, dataset, ...fields }));
  return path;
}

describe('a run from submission to prediction', () => {
  let run: RunDetail;

  test('submit --follow shows it live and ends with exit code 0', async () => {
    const request = await requestFile('small', {
      folds: 2,
      search: { trials: 1 },
      plan: { ...PLAN, steps: 30, validateEverySteps: 15 },
    });
    const submitted = await service.voxhelm('submit', request, '--follow');
    expect(submitted.code, submitted.stderr).toBe(0);
    expect(submitted.stdout).toContain('completed');
    const [view] = (await service.json<{ items: RunView[] }>('runs')).items;
    run = await service.json<RunDetail>('show', view?.id ?? '');
    expect(run.submittedBy).toBe(userInfo().username);
    expect((await service.voxhelm('runs', '--submitted-by', 'nobody of that name')).stdout).toMatch(/^No run/);
  });

  test('show tells its stage, plans, trials, ensemble and scores', async () => {
    expect(run).toMatchObject({ state: 'completed', stage: 'done', name: 'small', folds: 2 });
    expect(run.trials.map((trial) => [trial.kind, trial.fold, trial.step])).toEqual([
      ['search', 0, 30],
      ['fold', 1, 30],
    ]);
    expect(run.plans.map((plan) => plan.fold)).toEqual([0, 1]);
    expect(run.ensemble?.members.length).toBeGreaterThan(0);
    expect(run.scores.test?.cases).toHaveLength(2);
    expect((await service.voxhelm('show', run.id)).stdout).toContain('test cases that no training saw');
  });

  test('download and predict: each result under its input’s name, on its own grid; evaluate scores it', async () => {
    const bundle = join(folder, 'bundle.zip');
    await service.json('download', run.id, '-o', bundle);
    const input = join(folder, 'unseen');
    const name = (await readdir(join(SAMPLES, 'imagesTs')))[5] as string; // neither trained on nor tested above
    await mkdir(input);
    await copyFile(join(SAMPLES, 'imagesTs', name), join(input, name));
    const output = join(folder, 'predictions');
    // No server is named: predict needs none.
    const predicted = await voxhelm(['predict', '--bundle', bundle, '--input', input, '--output', output], {
      VOXHELM_URL: 'http://127.0.0.1:9',
    });
    expect(predicted.code, predicted.stderr).toBe(0);
    expect(await readdir(output)).toEqual([name]);
    const truth = await readLabel(join(SAMPLES, 'labelsTs', name));
    const prediction = await readLabel(join(output, name));
    expect(prediction.shape).toEqual(truth.shape);
    expect(prediction.affine).toEqual(truth.affine);
    const labels = join(folder, 'truth');
    await mkdir(labels);
    await copyFile(join(SAMPLES, 'labelsTs', name), join(labels, name));
    const scored = await voxhelm(['evaluate', '--pred', output, '--labels', labels, '--json']);
    const evaluation = JSON.parse(scored.stdout) as Evaluation;
    expect(evaluation.cases).toHaveLength(1);
    expect(evaluation.mean.dice).toBeGreaterThan(0); // 30 steps learn little, but not nothing
  });
});

describe('steering a run', () => {
  async function untilTraining(id: string): Promise<RunDetail> {
    for (;;) {
      const run = await service.json<RunDetail>('show', id);
      if (run.trials.some((trial) => (trial.progress?.step ?? 0) > 3)) return run;
      expect(['queued', 'running']).toContain(run.state);
      await sleep(300);
    }
  }
  async function until(id: string, state: string): Promise<RunDetail> {
    for (;;) {
      const run = await service.json<RunDetail>('show', id);
      if (run.state === state) return run;
      expect(['failed', 'completed']).not.toContain(run.state);
      await sleep(300);
    }
  }

  test('pause lets go of the trainer, resume goes on from the checkpoint, cancel ends it for good', async () => {
    const request = await requestFile('long', {
      folds: 1,
      search: { trials: 1 },
      plan: { ...PLAN, steps: 2_000, validateEverySteps: 1_000, checkpointEverySteps: 500 },
    });
    const { id } = await service.json<RunView>('submit', request);
    await untilTraining(id);
    await service.json('pause', id);
    const paused = await until(id, 'paused');
    const step = paused.trials[0]?.step ?? 0;
    await service.json('resume', id);
    for (let later = 0; later <= step; ) {
      await sleep(500);
      later = (await service.json<RunDetail>('show', id)).trials[0]?.progress?.step ?? 0;
    }
    const resumed = await service.json<RunDetail>('show', id);
    expect(resumed.trials[0]?.lease).toBe(2);
    await service.json('cancel', id);
    const cancelled = await until(id, 'cancelled');
    expect(cancelled.trials[0]?.state).toBe('cancelled');
    expect((await service.voxhelm('pause', id)).code).toBe(1);
  });
});

describe('what is wrong is said at once', () => {
  test('an unknown field suggests the nearest', async () => {
    const refused = await service.voxhelm('submit', await requestFile('typo', { budgett: '5m' }));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/budgett[\s\S]*"budget"/);
  });

  test('a dataset with faults is refused with all of them, and analyze ends with 1', async () => {
    const faulty = await smallDataset(join(folder, 'faulty'), 4, 0);
    const [first, second] = (await readdir(join(faulty, 'imagesTr'))).sort() as [string, string];
    await writeFile(
      join(faulty, 'imagesTr', first),
      (await readFile(join(faulty, 'imagesTr', first))).subarray(0, 500),
    ); // truncated
    await copyFile(join(faulty, 'labelsTr', first), join(faulty, 'labelsTr', second)); // another case's label: other shape
    const analyzed = await voxhelm(['analyze', faulty, '--json']);
    expect(analyzed.code).toBe(1);
    const report = JSON.parse(analyzed.stdout) as { findings: { case: string; code: string }[]; cases: unknown[] };
    const codes = new Set(report.findings.map((finding) => finding.code));
    expect(codes).toContain('unreadable');
    expect(codes).toContain('shape-mismatch');
    const submitted = await service.voxhelm('submit', faulty, '--follow');
    expect(submitted.code).toBe(1);
    expect(submitted.stdout).toMatch(/failed/);
    const id = /run_\w+/.exec(submitted.stdout)?.[0] ?? '';
    for (const { stdout } of [submitted, await service.voxhelm('show', id), await service.voxhelm('watch', id)]) {
      for (const { case: subject, code } of report.findings)
        expect(stdout.split(`${subject} [${code}]`)).toHaveLength(2);
      expect(stdout.split('the dataset check found')).toHaveLength(2);
    }
  });

  test('a service that is away is named, with how to start it', async () => {
    const away = await voxhelm(['runs'], { VOXHELM_URL: 'http://127.0.0.1:9' });
    expect(away.code).toBe(1);
    expect(away.stderr).toContain('npx voxhelm up');
  });

  test('doctor says what is there', async () => {
    const doctor = await voxhelm(['doctor', '--json'], { VOXHELM_HOME: service.home });
    expect(doctor.code, doctor.stdout).toBe(0);
    const { checks } = JSON.parse(doctor.stdout) as { checks: { name: string; ok: boolean; found: string }[] };
    expect(checks.find((check) => check.name === 'service')?.found).toContain(service.url);
  });
});
