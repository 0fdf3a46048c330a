import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ArtifactStore, folderStore } from './artifact-store.ts';
import { openTrialLog, readTrialLogs, trialPrefix } from './trial-log.ts';

const artifactPrefix = trialPrefix('run', 'trial');
const ignore = (): void => undefined;
let folder: string;
let store: ArtifactStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'voxhelm-trial-log-'));
  store = folderStore(folder);
});
afterEach(() => rmSync(folder, { recursive: true }));

test('the attempts of a trial are read in the order in which they were, each under its own head', async () => {
  for (const [lease, attempt, message] of [
    [2, 3, 'third, the two before it left nothing'],
    [1, 2, 'second'],
    [1, 1, 'first\nof two lines'],
  ] as const) {
    const log = openTrialLog(store, { artifactPrefix, lease, attempt }, ignore);
    log.line('info', message);
    await log.close();
  }
  const lines = (await readTrialLogs(store, artifactPrefix, 2)).split('\n').filter((line) => line !== '');
  expect(lines.map((line) => line.replace(/^\S+Z /, ''))).toEqual([
    '--- handed out 1, attempt 1',
    'info  first',
    'info  of two lines',
    '--- handed out 1, attempt 2',
    'info  second',
    '--- handed out 2, attempt 3',
    'info  third, the two before it left nothing',
  ]);
  expect(await readTrialLogs(store, trialPrefix('run', 'another'), 2)).toBe('');
});

test('of a log that grows too long its beginning and its end are kept, and how much is left out is told', async () => {
  const log = openTrialLog(store, { artifactPrefix, lease: 1, attempt: 1 }, ignore);
  for (let number = 0; number < 6_000; number += 1) log.line('info', `line ${number}`);
  await log.close();
  const text = await readTrialLogs(store, artifactPrefix, 1);
  expect(text).toContain('line 0\n');
  expect(text).toContain('line 499\n… 1000 lines are left out …\n');
  expect(text).not.toContain('line 1499\n');
  expect(text).toContain('line 1500\n');
  expect(text).toContain('line 5999\n');
});

test('a store that takes no log is told of once, and nothing else fails', async () => {
  const full: ArtifactStore = { ...store, write: () => Promise.reject(new Error('disk full')) };
  const failures: unknown[] = [];
  const log = openTrialLog(full, { artifactPrefix, lease: 1, attempt: 1 }, (error) => failures.push(error));
  log.line('info', 'one');
  log.line('info', 'two');
  await log.close();
  expect(failures).toEqual([new Error('disk full')]);
});
