import { ActivityFailure, ApplicationFailure, TemporalFailure, TimeoutFailure } from '@temporalio/workflow';
import type { FailureRecord } from './activity-interface.ts';

/** True where an activity was not done within the time that it had, however often it was tried. */
export function ranOutOfTime(error: unknown): boolean {
  if (!(error instanceof ActivityFailure)) return false;
  const isOver = error.cause instanceof TimeoutFailure && error.cause.timeoutType === 'SCHEDULE_TO_CLOSE';
  // Where no time is left to try again, the last attempt's own failure is what comes.
  return isOver || error.retryState === 'TIMEOUT';
}

/**
 * Why something failed, in words for the person whose run it is. The activities put their VoxhelmError's code as the
 * failure's type and the whole record in its details.
 */
export function describeFailure(error: unknown): FailureRecord {
  const cause = error instanceof ActivityFailure && error.cause !== undefined ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    const record = (cause.details?.[0] ?? {}) as Partial<FailureRecord>;
    if (typeof record.code === 'string' && typeof record.message === 'string') {
      return { code: record.code, message: record.message, fix: record.fix ?? null };
    }
    return { code: 'internal', message: cause.message, fix: null };
  }
  if (cause instanceof TimeoutFailure && error instanceof ActivityFailure) {
    return {
      code: 'unavailable',
      message: `${error.activityType} was lost: its trainer fell silent or took too long in every attempt`,
      fix: "Look at the trainer's log: it may have been killed for memory or have lost its machine.",
    };
  }
  if (cause instanceof TemporalFailure || cause instanceof Error) {
    return { code: 'internal', message: cause.message, fix: null };
  }
  return { code: 'internal', message: String(cause), fix: null };
}
