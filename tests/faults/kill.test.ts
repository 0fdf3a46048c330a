import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunDetail } from '@voxhelm/contracts/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestService, type TestService } from '../support/service.ts';
import { smallDataset } from '../support/small-dataset.ts';

/*
 * kill -9 of each process once during a real run of fixed steps, on real PostgreSQL, Temporal and trainings: started
 * again (by `voxhelm up`, which brings back what dies), the run ends as an undisturbed one does.
 */

const STEPS = 40;
const SERVICES = ['trainer', 'orchestrator', 'api', 'temporal', 'postgres'] as const;

let folder: string;
let request: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxhelm-faults-'));
  const dataset = await smallDataset(join(folder, 'data'), 6, 1);
  request = join(folder, 'run.yaml');
  await writeFile(
    request,
    JSON.stringify({
      dataset,
      folds: 2,
      seed: 11,
      search: { trials: 2 },
      plan: {
        steps: STEPS,
        // Measured on the trainer otherwise: two runs on a busy machine may decide differently.
        precision: 'bfloat16',
        validateEverySteps: 20,
        checkpointEverySteps: 5,
        patchSize: [32, 32, 32],
        batchSize: 1,
        network: { init_filters: 8, blocks_down: [1, 2, 2] },
      },
    }),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Outcome {
  readonly run: RunDetail;
  /** Every metric point of each trial, by the trial's number. */
  readonly points: Record<number, { series: string; steps: number[] }[]>;
}

/** What a run comes to: the same, whatever happened on the way. */
function essence({ run, points }: Outcome) {
  return {
    state: run.state,
    trials: run.trials.map(({ number, kind, algorithm, fold, state, point, step, bestStep, bestDice, checkpoint }) => ({
      number,
      kind,
      algorithm,
      fold,
      state,
      point,
      step,
      bestStep,
      bestDice,
      weights: checkpoint?.sha256,
    })),
    points: Object.fromEntries(
      Object.entries(points).map(([number, curves]) => [
        number,
        // How long a step took is no part of the result.
        curves
          .filter(({ series }) => series === 'loss' || series.startsWith('dice'))
          .map(({ series, steps }) => [series, steps]),
      ]),
    ),
    testDice: run.testDice,
  };
}

async function outcome(service: TestService, runId: string): Promise<Outcome> {
  const run = await service.json<RunDetail>('show', runId);
  const points: Outcome['points'] = {};
  for (const trial of run.trials) {
    const response = await fetch(`${service.url}/v1/runs/${runId}/trials/${trial.id}/metrics`);
    const curves = (await response.json()) as { series: string; points: { step: number }[] }[];
    points[trial.number] = curves
      .map(({ series, points: of }) => ({ series, steps: of.map(({ step }) => step) }))
      .sort((a, b) => a.series.localeCompare(b.series));
  }
  return { run, points };
}

async function runToItsEnd(disturb: (service: TestService, runId: string) => Promise<void>): Promise<Outcome> {
  const service = await startTestService();
  try {
    const { id } = await service.json<{ id: string }>('submit', request);
    await disturb(service, id);
    const watched = await service.voxhelm('watch', id);
    expect(watched.code, `${watched.stdout}\n${watched.stderr}`).toBe(0);
    return await outcome(service, id);
  } finally {
    await service.stop();
  }
}

/** Resolves when some trial has done `step` steps, or the trials are over. */
async function untilStep(service: TestService, runId: string, trials: number, step: number): Promise<void> {
  for (;;) {
    const run = await service.json<RunDetail>('show', runId).catch(() => null); // a service that was just killed
    const begun = run?.trials.filter((trial) => (trial.progress?.step ?? trial.step) >= step).length ?? 0;
    if (begun >= trials || (run !== null && ['completed', 'failed'].includes(run.state))) return;
    await sleep(300);
  }
}

async function killEachOnce(service: TestService, runId: string): Promise<void> {
  for (const [index, name] of SERVICES.entries()) {
    // Spread over the trials: two in the first, two in the second, one in the third.
    await untilStep(service, runId, Math.floor(index / 2) + 1, index % 2 === 0 ? 8 : 25);
    process.kill(await service.pid(name), 'SIGKILL');
    await sleep(1_500);
  }
}

test('a run in which every process was killed once equals an undisturbed one', async () => {
  const undisturbed = essence(await runToItsEnd(async () => undefined));
  expect(undisturbed.state).toBe('completed');
  expect(undisturbed.trials.map((trial) => [trial.kind, trial.fold, trial.state, trial.step])).toEqual([
    ['search', 0, 'completed', STEPS],
    ['search', 0, 'completed', STEPS],
    ['fold', 1, 'completed', STEPS],
  ]);
  const disturbed = essence(await runToItsEnd(killEachOnce));
  expect(disturbed).toEqual(undisturbed);
});
