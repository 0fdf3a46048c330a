import { dirname, resolve } from 'node:path';
import { ScheduleDetail, ScheduleView } from '@voxhelm/contracts/api-schedules';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { triggerText } from '@voxhelm/contracts/schedule-text';
import { readSettings } from '@voxhelm/contracts/settings';
import { counted } from '@voxhelm/contracts/words';
import { z } from 'zod';
import { createApiClient } from '../api-client.ts';
import type { JsonOption } from '../main.ts';
import { table } from '../output/format.ts';
import { readStructured } from '../structured-file.ts';
import { absoluteIfHere } from './submit.ts';

/** Options of `schedule create`; what is given here wins over what stands in the file. */
export interface ScheduleOptions extends JsonOption {
  readonly name?: string;
  readonly cron?: string;
  readonly timeZone?: string;
  readonly every?: string;
  readonly cases?: string;
  readonly drift?: string;
  readonly run?: string;
  readonly start?: string;
  readonly trustStart?: boolean;
  readonly overlap?: string;
  readonly catchUp?: string;
  readonly jitter?: string;
  readonly paused?: boolean;
  readonly note?: string;
}

/** Makes a schedule from a dataset and options, or from a SCHEDULE.yaml. */
export async function create(word: string, options: ScheduleOptions): Promise<number> {
  const client = createApiClient(readSettings());
  const view = await client.post('/schedules', await scheduleFrom(word, options), ScheduleView);
  if (options.json === true) print(view);
  else process.stdout.write(`${view.id}  ${view.name}  ${triggerText(view.settings.trigger)}${nextText(view)}\n`);
  return 0;
}

/** The request that a command line means. */
export async function scheduleFrom(word: string, options: ScheduleOptions): Promise<Record<string, unknown>> {
  const file = /\.ya?ml$/.test(word) ? await readFields(word) : null;
  const fields = file !== null && file['datalist'] === undefined ? file : { dataset: word };
  const base = file === null ? process.cwd() : dirname(resolve(word));
  const dataset = typeof fields['dataset'] === 'string' ? await absoluteIfHere(fields['dataset'], base) : undefined;
  const trigger = triggerOf(options);
  if (trigger === undefined && fields['trigger'] === undefined) {
    throw new VoxhelmError('invalid-request', `when to retrain on ${word} is missing`, {
      fix: 'Give one of --cron "0 3 * * 1", --every 1d, --cases 4 or --drift 3, or `trigger` in a SCHEDULE.yaml.',
    });
  }
  const given = {
    name: options.name,
    dataset,
    trigger,
    run: options.run === undefined ? undefined : await runOf(options.run),
    start: options.start,
    trustStart: options.trustStart,
    overlap: options.overlap,
    catchUp: options.catchUp,
    jitter: options.jitter,
    paused: options.paused,
    note: options.note,
  };
  return { ...fields, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
}

function triggerOf({ cron, timeZone, every, cases, drift }: ScheduleOptions): Record<string, unknown> | undefined {
  const kinds = [cron, cases, drift].filter((given) => given !== undefined);
  if (kinds.length > 1 || (cron !== undefined && every !== undefined)) {
    throw new VoxhelmError('invalid-request', 'a schedule has one trigger, and several are given', {
      fix: 'Give one of --cron, --every alone, --cases or --drift; make another schedule for another trigger.',
    });
  }
  if (timeZone !== undefined && cron === undefined) {
    throw new VoxhelmError('invalid-request', '--time-zone is given, and no --cron that it would be of', {
      fix: 'Give --cron as well, or leave --time-zone out.',
    });
  }
  const look = every === undefined ? {} : { every };
  if (cron !== undefined) return { kind: 'cron', expression: cron, ...(timeZone === undefined ? {} : { timeZone }) };
  if (cases !== undefined) return { kind: 'cases', count: numberOf('--cases', cases), ...look };
  if (drift !== undefined) return { kind: 'drift', limit: numberOf('--drift', drift), ...look };
  return every === undefined ? undefined : { kind: 'interval', every };
}

function numberOf(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0) return value;
  throw new VoxhelmError('invalid-request', `${option} "${text}" is no number above 0`, {
    fix: `Write it as ${option} 4.`,
  });
}

/** A RUN.yaml without its dataset, which the schedule names. */
async function runOf(path: string): Promise<Record<string, unknown>> {
  const { dataset: _, ...run } = await readFields(path);
  return run;
}

async function readFields(path: string): Promise<Record<string, unknown>> {
  const content = await readStructured(path);
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) return { ...content };
  throw new VoxhelmError('invalid-request', `${path} holds no fields`, {
    fix: 'A SCHEDULE.yaml needs dataset and trigger.',
  });
}

/** Lists schedules. */
export async function list(options: JsonOption): Promise<number> {
  const client = createApiClient(readSettings());
  const { items } = await client.get('/schedules?limit=100', z.object({ items: z.array(ScheduleView) }));
  if (options.json === true) print(items);
  else if (items.length === 0)
    process.stdout.write('No schedules yet: npx voxhelm schedule create DATASET --every 1d\n');
  else {
    const rows = items.map((one) => [
      one.id,
      one.name,
      one.datasetName,
      triggerText(one.settings.trigger),
      one.refusal !== null ? 'never' : one.paused ? 'paused' : (one.nextAt[0] ?? '–'),
      one.refusal !== null
        ? one.refusal
        : one.lastFiring === null
          ? '–'
          : `${one.lastFiring.state}: ${one.lastFiring.message}`,
    ]);
    process.stdout.write(`${table(['schedule', 'name', 'dataset', 'retrains', 'next', 'last'], rows)}\n`);
  }
  return 0;
}

/** One schedule with its firings. */
export async function show(schedule: string, options: JsonOption): Promise<number> {
  const view = await createApiClient(readSettings()).get(`/schedules/${encodeURIComponent(schedule)}`, ScheduleDetail);
  if (options.json === true) print(view);
  else process.stdout.write(`${scheduleReport(view)}\n`);
  return 0;
}

function scheduleReport(view: ScheduleDetail): string {
  const rows = view.firings.map((firing) => [
    firing.scheduledAt,
    firing.state,
    firing.drift === null ? '–' : firing.drift.toFixed(2),
    firing.runs.map(({ id }) => id).join(' ') || '–',
    [firing.reason ?? (firing.outcome === null ? firing.message : null), firing.outcome]
      .filter((sentence) => sentence !== null)
      .join('\n→ '),
  ]);
  return [
    `${view.id}  ${view.name}  on ${view.datasetName}  ${triggerText(view.settings.trigger)}${nextText(view)}`,
    ...(view.note === null ? [] : [`note: ${view.note}`]),
    ...(view.missed
      ? [`${counted(view.missed, 'firing was', 'firings were')} due too long ago to be made up for`]
      : []),
    ...(view.skipped
      ? [`${counted(view.skipped, 'firing was', 'firings were')} left out because one was still going on`]
      : []),
    rows.length === 0
      ? 'It has not fired yet.'
      : table(['due', 'state', 'drift', 'runs', 'why → what came of it'], rows),
  ].join('\n');
}

/** Pauses, resumes, triggers or deletes a schedule. */
export async function act(
  action: 'pause' | 'resume' | 'trigger' | 'delete',
  schedule: string,
  options: JsonOption & { readonly note?: string },
): Promise<number> {
  const client = createApiClient(readSettings());
  const path = `/schedules/${encodeURIComponent(schedule)}`;
  if (action === 'delete') {
    await client.raw(path, { method: 'DELETE' });
    if (options.json !== true) process.stdout.write(`${schedule} is deleted; its runs and the champion stay\n`);
    return 0;
  }
  const body = options.note === undefined ? {} : { note: options.note };
  const view = await client.post(`${path}/${action}`, action === 'trigger' ? undefined : body, ScheduleView);
  if (options.json === true) print(view);
  else
    process.stdout.write(
      `${view.id}  ${view.name}  ${action === 'trigger' ? 'fires now' : view.paused ? 'paused' : `goes on${nextText(view)}`}\n`,
    );
  return 0;
}

/** Fires for each time that was due between two moments. */
export async function backfill(
  schedule: string,
  options: JsonOption & { readonly from: string; readonly to: string },
): Promise<number> {
  const client = createApiClient(readSettings());
  const [from, to] = [isoOf('--from', options.from), isoOf('--to', options.to)];
  const view = await client.post(`/schedules/${encodeURIComponent(schedule)}/backfill`, { from, to }, ScheduleView);
  if (options.json === true) print(view);
  else process.stdout.write(`${view.id}  fires for what was due from ${from} to ${to}\n`);
  return 0;
}

function isoOf(option: string, text: string): string {
  const time = new Date(text);
  if (!Number.isNaN(time.getTime())) return time.toISOString();
  throw new VoxhelmError('invalid-request', `${option} "${text}" is no time`, {
    fix: 'Write it as 2026-11-25T03:00:00Z.',
  });
}

function nextText({ nextAt, paused, refusal }: ScheduleView): string {
  if (refusal !== null) return `  never fires: ${refusal}`;
  if (paused) return '  paused';
  return nextAt[0] === undefined ? '' : `  next ${nextAt[0]}`;
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
