import type { PromotionKind } from '@voxhelm/contracts/schedule';

/** As much of an entry of the audit log as a rollback goes by. */
export interface PromotionStep {
  readonly kind: PromotionKind;
  readonly runId: string;
}

/**
 * The run that a rollback makes champion again, from the dataset's audit log, oldest entry first; null where there was none
 * before the present one. A rollback takes back the last promotion that still stands, so that repeated ones go farther back.
 */
export function championBefore(log: readonly PromotionStep[]): string | null {
  const standing: string[] = [];
  for (const { kind, runId } of log) {
    if (kind === 'rollback') standing.pop();
    else standing.push(runId);
  }
  return standing.at(-2) ?? null;
}
