import { ApplicationFailure } from '@temporalio/common';
import { toErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';
import type { Database } from '@voxhelm/prisma/client';
import type { ArtifactStore } from '@voxhelm/storage/artifact-store';
import type { TrialInput } from '../workflows/signals.ts';

/** What the activities reach the world through; tests bring their own. */
export interface Dependencies {
  readonly db: Database;
  readonly store: ArtifactStore;
  readonly temporal: TemporalView;
  readonly now: () => Date;
}

/** As much of Temporal as activities look at. */
export interface TemporalView {
  /** Trainers that asked for work within the last minutes. */
  countTrainers(): Promise<number>;
  /** Of those, on the machine that has most of them: what its memory is shared by. */
  mostTrainersOfOneHost(): Promise<number>;
  /** Starts a trial's workflow; does nothing where it was started before. */
  startTrial(input: TrialInput): Promise<void>;
  /** Signals an open workflow; does nothing where none of this id is open. */
  signal(workflowId: string, signal: string, ...args: unknown[]): Promise<void>;
  /** False where no workflow of this id is open. */
  isOpen(workflowId: string): Promise<boolean>;
}

/**
 * The same activities with VoxhelmErrors turned into Temporal's failures: the code becomes the type, codes that cannot
 * succeed later are not tried again, and the whole record travels in the details (workflows/failures.ts reads it).
 */
export function asActivities<T extends object>(activities: T): T {
  const wrapped = Object.entries(activities as Record<string, (input: unknown) => Promise<unknown>>).map(
    ([name, activity]) => [
      name,
      async (input: unknown) => {
        try {
          return await activity(input);
        } catch (error) {
          throw failureOf(error);
        }
      },
    ],
  );
  return Object.fromEntries(wrapped) as T;
}

function failureOf(error: unknown): unknown {
  if (!(error instanceof VoxhelmError)) return error;
  return ApplicationFailure.create({
    message: error.message,
    type: error.code,
    nonRetryable: !error.retryable,
    details: [toErrorRecord(error)],
    cause: error,
  });
}
