import type { LabelGroup } from '@voxhelm/contracts/dataset';

/*
 * Labels that are parts of one another: "whole tumour" holds "core" holds "enhancing" (nnU-Net's regions, Auto3DSeg's groups
 * of class_names). A network tells each group apart by a sigmoid of its own; a label map is written group by group, the later
 * over the earlier.
 */

/** A group as a dataset declares it. */
export interface DeclaredGroup {
  readonly name: string;
  readonly values: readonly number[];
}

function overlap(groups: readonly DeclaredGroup[]): boolean {
  const values = groups.flatMap((group) => [...new Set(group.values)]);
  return new Set(values).size < values.length;
}

/**
 * Groups in the order in which they are written, each with the value that it writes: its only one that no later group has.
 * Larger groups first where `order` is not given. null where no groups overlap (then classes exclude each other), or where
 * a group has no such value, or several: a label map could not be made of them.
 */
export function writtenGroups(groups: readonly DeclaredGroup[], ordered = false): LabelGroup[] | null {
  if (groups.length < 2 || !overlap(groups)) return null;
  const order = ordered ? [...groups] : [...groups].sort((a, b) => b.values.length - a.values.length);
  const written = order.map(({ name, values }, index) => {
    const later = new Set(order.slice(index + 1).flatMap((group) => group.values));
    const own = values.filter((value) => !later.has(value));
    return own.length === 1 ? { name, values: [...values], writes: own[0] as number } : null;
  });
  return written.every((group) => group !== null) ? written : null;
}
