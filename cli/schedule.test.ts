import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scheduleFrom } from './commands/schedule.ts';
import { eventsOf } from './commands/webhooks.ts';

/* What the options of `schedule create` mean as a request. */

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxhelm-cli-schedule-'));
  await mkdir(join(folder, 'brains'));
  await writeFile(join(folder, 'run.yaml'), 'dataset: elsewhere\nfolds: 2\nbudget: 1h\n');
  await writeFile(
    join(folder, 'schedule.yaml'),
    'dataset: brains\nname: weekly\ntrigger: { kind: interval, every: 7d }\npromotion: { significance: 0.01 }\n',
  );
});
afterAll(() => rm(folder, { recursive: true }));

test.each([
  [
    { cron: '0 3 * * 1', timeZone: 'Europe/Berlin' },
    { kind: 'cron', expression: '0 3 * * 1', timeZone: 'Europe/Berlin' },
  ],
  [{ every: '1d' }, { kind: 'interval', every: '1d' }],
  [{ cases: '4' }, { kind: 'cases', count: 4 }],
  [
    { cases: '4', every: '30s' },
    { kind: 'cases', count: 4, every: '30s' },
  ],
  [{ drift: '2.5' }, { kind: 'drift', limit: 2.5 }],
])('%j is the trigger %j', async (options, trigger) => {
  expect(await scheduleFrom(join(folder, 'brains'), options)).toEqual({ dataset: join(folder, 'brains'), trigger });
});

test('a file is taken as it stands, its dataset beside it, and options win over it', async () => {
  const file = join(folder, 'schedule.yaml');
  const request = await scheduleFrom(file, { cases: '3', run: join(folder, 'run.yaml'), overlap: 'buffer-one' });
  expect(request).toEqual({
    dataset: join(folder, 'brains'),
    name: 'weekly',
    trigger: { kind: 'cases', count: 3 },
    promotion: { significance: 0.01 },
    run: { folds: 2, budget: '1h' },
    overlap: 'buffer-one',
  });
});

test('without a trigger the options that give one are named; what is no number is told by its option', async () => {
  await expect(scheduleFrom('ds_1', { name: 'x' })).rejects.toMatchObject({
    code: 'invalid-request',
    fix: expect.stringMatching(/--cron .*--every .*--cases .*--drift /),
  });
  await expect(scheduleFrom('ds_1', { cases: 'four' })).rejects.toThrow('--cases "four" is no number above 0');
  await expect(scheduleFrom('ds_1', { every: '1d', timeZone: 'Europe/Berlin' })).rejects.toThrow('no --cron');
});

test('an id stays an id; two triggers, and a file that is not there, are refused', async () => {
  expect(await scheduleFrom('ds_1', { every: '1d' })).toMatchObject({ dataset: 'ds_1' });
  await expect(scheduleFrom('ds_1', { cases: '3', drift: '2' })).rejects.toThrow('one trigger');
  await expect(scheduleFrom('ds_1', { cron: '0 3 * * 1', every: '1d' })).rejects.toThrow('one trigger');
  await expect(scheduleFrom(join(folder, 'no.yaml'), {})).rejects.toMatchObject({ code: 'invalid-request' });
});

test('an event that no webhook is told of is named with those that there are', () => {
  expect(eventsOf('drift, run.failed')).toEqual(['drift', 'run.failed']);
  expect(() => eventsOf('drift,run.ended')).toThrow('there is no event "run.ended"');
  expect(() => eventsOf(',')).toThrow('--events names none');
});
