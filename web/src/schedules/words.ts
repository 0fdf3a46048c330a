import type { FiringView } from '@voxhelm/contracts/api-schedules';

/** A p-value as it is written. */
export function pText(value: number): string {
  return value < 0.0001 ? 'p < 0.0001' : `p = ${value.toFixed(4)}`;
}

/** A difference with its sign. */
export function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;
}

/** A label's name, as the dataset calls it; its value where it has none. */
export function labelName(labels: readonly { readonly value: number; readonly name: string }[], value: string): string {
  return labels.find((label) => String(label.value) === value)?.name ?? value;
}

/** Why a firing retrained or did not; what it does where its look has not told yet. */
export function whyOf({ reason, outcome, message }: FiringView): string {
  return reason ?? (outcome === null ? message : '–');
}
