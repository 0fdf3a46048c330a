import { z } from 'zod';
import { Device } from './plan.ts';

/*
 * What takes room on the server's disks, and whether it may go.
 */

/** Room that one run or dataset takes. `mayDelete`: it is over, or nobody uses it; `reason` says why it may or may not go. */
export const StoredItem = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(['run', 'dataset']),
  bytes: z.number().int().nonnegative(),
  state: z.string(),
  createdAt: z.iso.datetime(),
  mayDelete: z.boolean(),
  reason: z.string(),
});
export type StoredItem = z.infer<typeof StoredItem>;

/** Disks and what lies on them. */
export const StorageView = z
  .object({
    artifacts: z.object({ path: z.string(), usedBytes: z.number().int(), freeBytes: z.number().int() }),
    items: z.array(StoredItem),
    /** Devices that trainers named, the latest first. */
    devices: z.array(Device),
  })
  .meta({ id: 'StorageView' });
export type StorageView = z.infer<typeof StorageView>;
