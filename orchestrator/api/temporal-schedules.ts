import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
  type ScheduleSpec,
} from '@temporalio/client';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { TASK_QUEUES } from '@voxhelm/contracts/queues';
import { durationMs } from '@voxhelm/contracts/run';
import type { OverlapPolicy, ScheduleSettings, ScheduleTrigger } from '@voxhelm/contracts/schedule';
import { type FiringInput, temporalScheduleId, WORKFLOWS } from '../workflows/signals.ts';
import { cronFault } from './cron.ts';

/** A schedule as Temporal is to have it. */
export interface ScheduleWanted {
  readonly id: string;
  readonly settings: ScheduleSettings;
  readonly paused: boolean;
  readonly note: string | null;
  readonly deleted: boolean;
}

/** What Temporal knows of a schedule. */
export interface ScheduleTimes {
  readonly nextAt: readonly Date[];
  /** Firings that were due so long ago that they were not made up for. */
  readonly missed: number;
  /** Firings left out because one was still going on. */
  readonly skipped: number;
}

const OVERLAP: Readonly<Record<OverlapPolicy, ScheduleOverlapPolicy>> = {
  skip: ScheduleOverlapPolicy.SKIP,
  'buffer-one': ScheduleOverlapPolicy.BUFFER_ONE,
  'buffer-all': ScheduleOverlapPolicy.BUFFER_ALL,
  'cancel-other': ScheduleOverlapPolicy.CANCEL_OTHER,
  'allow-all': ScheduleOverlapPolicy.ALLOW_ALL,
};

/**
 * Makes Temporal's schedule what it is to be: made, changed or deleted. May be called any number of times. Rejects with
 * `invalid-request` where Temporal takes no such times.
 */
export async function syncSchedule(client: Client, wanted: ScheduleWanted): Promise<void> {
  const scheduleId = temporalScheduleId(wanted.id);
  const handle = client.schedule.getHandle(scheduleId);
  if (wanted.deleted) {
    await handle.delete().catch(ignoreMissing);
    return;
  }
  const options = optionsOf(wanted, scheduleId);
  try {
    await client.schedule.create(options).catch(async (error: unknown) => {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      const { scheduleId: _, ...changes } = options;
      await handle.update(() => changes);
    });
  } catch (error) {
    // What the client makes of the server's "invalid schedule spec".
    if (!(error instanceof TypeError)) throw error;
    throw new VoxhelmError('invalid-request', `Temporal refuses its times: ${error.message}`, { cause: error });
  }
}

function optionsOf({ id, settings, paused, note }: ScheduleWanted, scheduleId: string) {
  const input: FiringInput = { scheduleId: id };
  return {
    scheduleId,
    spec: {
      ...timesOf(settings.trigger),
      ...(settings.jitter === undefined ? {} : { jitter: durationMs(settings.jitter) }),
    },
    action: {
      type: 'startWorkflow',
      workflowType: WORKFLOWS.firing,
      // Temporal adds the time that a firing was due.
      workflowId: `firing-${id}`,
      taskQueue: TASK_QUEUES.orchestrator,
      args: [input],
    },
    policies: { overlap: OVERLAP[settings.overlap], catchupWindow: durationMs(settings.catchUp) },
    state: { paused, ...(note === null ? {} : { note }) },
  } satisfies ScheduleOptions;
}

function timesOf(trigger: ScheduleTrigger): ScheduleSpec {
  return trigger.kind === 'cron'
    ? { cronExpressions: [trigger.expression], timezone: trigger.timeZone }
    : { intervals: [{ every: durationMs(trigger.every) }] };
}

/** Fires now, or, with `buffered`, as soon as the firing that goes on has ended. */
export async function triggerSchedule(client: Client, id: string): Promise<void> {
  await client.schedule.getHandle(temporalScheduleId(id)).trigger(ScheduleOverlapPolicy.BUFFER_ONE);
}

/** Fires for each time that was due between two moments, one after the other. */
export async function backfillSchedule(client: Client, id: string, start: Date, end: Date): Promise<void> {
  const handle = client.schedule.getHandle(temporalScheduleId(id));
  await handle.backfill({ start, end, overlap: ScheduleOverlapPolicy.BUFFER_ALL });
}

/** What Temporal knows of a schedule; null where it has none of this id (yet). */
export async function describeSchedule(client: Client, id: string): Promise<ScheduleTimes | null> {
  try {
    const { info, state } = await client.schedule.getHandle(temporalScheduleId(id)).describe();
    return {
      nextAt: state.paused ? [] : info.nextActionTimes,
      missed: info.numActionsMissedCatchupWindow,
      skipped: info.numActionsSkippedOverlap,
    };
  } catch (error) {
    ignoreMissing(error);
    return null;
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof ScheduleNotFoundError)) throw error;
}

const SHORTEST_INTERVAL_MS = 1_000;

/** Refuses what Temporal would refuse later, when nobody looks. Throws `invalid-request` naming the field. */
export function checkTrigger(trigger: ScheduleTrigger): void {
  const wrong = (field: string, message: string, fix: string): VoxhelmError =>
    new VoxhelmError('invalid-request', `/trigger/${field}: ${message}`, {
      fix,
      details: { errors: [{ pointer: `/trigger/${field}`, message }] },
    });
  if (trigger.kind !== 'cron') {
    // Temporal counts in whole seconds.
    const everyMs = Math.round(durationMs(trigger.every));
    if (everyMs < SHORTEST_INTERVAL_MS || everyMs % 1_000 !== 0) {
      throw wrong('every', `"${trigger.every}" is no whole number of seconds from 1 on`, 'Write 1s or more, as "5m".');
    }
    return;
  }
  const fault = cronFault(trigger.expression);
  if (fault !== null) {
    throw wrong('expression', `"${trigger.expression}" ${fault}`, 'Write five fields, as "0 3 * * *".');
  }
  try {
    new Intl.DateTimeFormat('en', { timeZone: trigger.timeZone });
  } catch {
    throw wrong('timeZone', `there is no time zone "${trigger.timeZone}"`, 'Give an IANA name, as Europe/Berlin.');
  }
}
