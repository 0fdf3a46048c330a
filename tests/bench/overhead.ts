import type { Client } from '@temporalio/client';
import { startOrchestra } from '@voxhelm/orchestrator/testing/orchestra';
import { runWorkflowId, trialWorkflowId } from '@voxhelm/orchestrator/workflows/signals';
import { countOf } from './lib/arguments.ts';
import { type BenchOptions, readOptions } from './lib/options.ts';

/** For `--help`. */
export const ABOUT =
  "The orchestrator's own time per trial: a real Temporal server, database and worker, and trainings that do nothing. One JSON line.";

/** See {@link BenchOptions}. */
export const OPTIONS = {
  trials: { value: 'N', about: 'trials of the run, 2 or more', default: '200' },
} as const satisfies BenchOptions;

/** Resident memory of this process (MiB), after collecting garbage where that is allowed (--expose-gc). */
function residentMb(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return Math.round(process.memoryUsage.rss() / 2 ** 20);
}

/**
 * The orchestrator's own time per trial: a real Temporal dev server on a file, a real PostgreSQL, the real orchestrator
 * worker, and trainings that do nothing. Prints one JSON line. `cpuMsPerTrial` is this process' computing
 * time, which a busy machine does not stretch as much as `msPerTrial`. `historyEvents` and `historyBytes` are of the run's longest life; `workerRssMb` is this process:
 * orchestrator worker, made-up trainer and client together.
 */
export async function main(args: readonly string[]): Promise<void> {
  const trials = countOf('trials', readOptions(args, OPTIONS).trials, 2);
  const orchestra = await startOrchestra({ trainers: 1 });
  try {
    orchestra.trainer.bare = true;
    const rss = { start: residentMb(), half: 0, end: 0 };
    let firstAt = 0;
    let lastAt = 0;
    let cpu = process.cpuUsage();
    orchestra.trainer.train = async () => {
      const count = orchestra.trainer.jobs.length;
      if (count === 1) {
        firstAt = performance.now();
        cpu = process.cpuUsage();
      }
      if (count === Math.ceil(trials / 2)) rss.half = residentMb();
      if (count === trials) {
        lastAt = performance.now();
        cpu = process.cpuUsage(cpu);
      }
      return { bestDice: 0.8 };
    };
    const { runId, handle } = await orchestra.submit({
      folds: 1,
      search: { trials, parallel: 1, pruner: 'none' },
      plan: { steps: 1 },
    });
    // No trial leaves a model, so the run ends after its search.
    await orchestra.client.workflow
      .getHandle(handle.workflowId)
      .result()
      .catch(() => undefined);
    rss.end = residentMb();
    const rows = await orchestra.db.trial.findMany({ where: { runId }, orderBy: { number: 'asc' } });
    const done = rows.filter(({ state }) => state === 'completed').length;
    if (done !== trials) throw new Error(`${done} of ${trials} trials completed`);
    const lives = await livesOf(orchestra.client, runId);
    const sample = await orchestra.client.workflow.getHandle(trialWorkflowId(rows[0]?.id ?? '')).fetchHistory();
    const line = {
      name: 'overhead',
      trials,
      msPerTrial: Math.round(((lastAt - firstAt) / (trials - 1)) * 10) / 10,
      cpuMsPerTrial: Math.round((cpu.user + cpu.system) / 100 / (trials - 1)) / 10,
      historyEvents: Math.max(...lives.map(({ events }) => events)),
      historyBytes: Math.max(...lives.map(({ bytes }) => bytes)),
      lives: lives.length,
      trialHistoryEvents: sample.events?.length ?? 0,
      workerRssMb: [rss.start, rss.half, rss.end],
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  } finally {
    await orchestra.close();
  }
}

/** History length and size of each life of a run's workflow. */
async function livesOf(client: Client, runId: string): Promise<{ events: number; bytes: number }[]> {
  const workflowId = runWorkflowId(runId);
  const lives = [];
  for await (const { runId: life } of client.workflow.list({ query: `WorkflowId = "${workflowId}"` })) {
    const { historyLength, historySize } = await client.workflow.getHandle(workflowId, life).describe();
    lives.push({ events: historyLength, bytes: historySize ?? 0 });
  }
  return lives;
}
