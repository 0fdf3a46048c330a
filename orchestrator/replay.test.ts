import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from '@temporalio/worker';
import { ERROR_CODES, VoxhelmError } from '@voxhelm/contracts/errors';
import { beforeAll, expect, test } from 'vitest';
import { HISTORIES, type History, readHistory } from './testing/history-file.ts';
import { installQuietRuntime } from './testing/quiet-runtime.ts';
import { bundleWorkflows } from './worker.ts';
import { NON_RETRYABLE_CODES } from './workflows/retry-codes.ts';

const NAMES = readdirSync(HISTORIES).filter((name) => name.endsWith('.json'));

let workflowBundle: { code: string };

beforeAll(async () => {
  installQuietRuntime();
  workflowBundle = await bundleWorkflows();
}, 60_000);

/** The error of each history's replay; undefined where the workflows still do what they did. */
async function replay(histories: Iterable<{ workflowId: string; history: History }>) {
  const errors: Record<string, unknown> = {};
  // Does not throw: each result has to be looked at.
  for await (const result of Worker.runReplayHistories({ workflowBundle }, histories)) {
    errors[result.workflowId] = result.error;
  }
  return errors;
}

function recorded(name: string): { workflowId: string; history: History } {
  return { workflowId: name, history: readHistory(join(HISTORIES, name)) };
}

test('runs that began under an earlier version of the workflows go on under this one', async () => {
  const errors = await replay(NAMES.map(recorded));
  expect(errors).toEqual(Object.fromEntries(NAMES.map((name) => [name, undefined])));
});

test('the histories hold everything that a run, a trial and a firing ask of the database', () => {
  const asked = ['run', 'trial-window', 'trial', 'firing'].flatMap((name) => {
    const source = readFileSync(new URL(`workflows/${name}.ts`, import.meta.url), 'utf8');
    return [...source.matchAll(/database\.(\w+)\(/g)].map(([, activity]) => activity);
  });
  const done = NAMES.flatMap((name) =>
    (recorded(name).history.events ?? []).map(
      ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name,
    ),
  );
  expect(asked.length).toBeGreaterThan(15);
  expect(asked.filter((activity) => !done.includes(activity))).toEqual([]);
});

test('a workflow that does something else than its history is found', async () => {
  const { workflowId, history } = recorded('run-completed.json');
  const scheduled = history.events?.find((event) => event.activityTaskScheduledEventAttributes?.activityType);
  const type = scheduled?.activityTaskScheduledEventAttributes?.activityType;
  if (type) type.name = 'anotherActivity';
  const errors = await replay([{ workflowId, history }]);
  expect(String(errors[workflowId])).toContain('Determinism');
});

test("the workflows' bundle holds no database, no schema library and nothing of Node", () => {
  // Temporal's own runtime is 1.6 MB of it, source maps included.
  expect(workflowBundle.code.length).toBeLessThan(2_000_000);
  for (const foreign of ['node_modules/zod', '@prisma', 'node:fs', 'node:crypto', 'contracts/jobs.ts']) {
    expect(workflowBundle.code.includes(foreign), foreign).toBe(false);
  }
  expect(workflowBundle.code).toContain('runWorkflow');
});

test('workflows try again after the same codes as everyone else', () => {
  const final = ERROR_CODES.filter((code) => !new VoxhelmError(code, 'x').retryable);
  expect(new Set(NON_RETRYABLE_CODES)).toEqual(new Set(final));
});
