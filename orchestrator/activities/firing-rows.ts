import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { FiringState } from '@voxhelm/contracts/schedule';
import { ScheduleSettings } from '@voxhelm/contracts/schedule';
import type { Database, Transaction } from '@voxhelm/prisma/client';
import type { Firing, Schedule } from '@voxhelm/prisma/generated/client';
import { fromJson } from '@voxhelm/prisma/json';

/** States that no firing leaves. */
const FINAL: readonly FiringState[] = ['idle', 'promoted', 'kept', 'failed', 'cancelled'];

/** True where the firing has ended, so that a late activity must not revive it. */
export function firingHasEnded({ state }: Pick<Firing, 'state'>): boolean {
  return FINAL.includes(state as FiringState);
}

/** A firing with its schedule. */
export interface FiringWithSchedule {
  readonly firing: Firing;
  readonly schedule: Schedule;
  readonly settings: ScheduleSettings;
}

/** Reads a firing and its schedule; throws `not-found`. */
export async function readFiring(db: Transaction, firingId: string): Promise<FiringWithSchedule> {
  const row = await db.firing.findUnique({ where: { id: firingId }, include: { schedule: true } });
  if (row === null) throw new VoxhelmError('not-found', `there is no firing ${firingId}`);
  const { schedule, ...firing } = row;
  return { firing, schedule, settings: fromJson('Schedule.settings', ScheduleSettings, schedule.settings) };
}

/** Changes a firing in one transaction that holds its row. */
export async function changeFiring<T>(
  db: Database,
  firingId: string,
  change: (transaction: Transaction, found: FiringWithSchedule) => Promise<T>,
): Promise<T> {
  return db.$transaction(async (transaction) => {
    await transaction.$queryRaw`SELECT "id" FROM "Firing" WHERE "id" = ${firingId} FOR UPDATE`;
    return change(transaction, await readFiring(transaction, firingId));
  });
}
