import type { CaseIdentity } from '@voxhelm/contracts/jobs';

/*
 * Whether two cases are the same for a model that learns from one and is judged by the other. The one place that decides it:
 * what is held out, what a model has seen, and which fold a case keeps all go by it.
 */

/** What makes two cases the same, the surest first: the image, the files, the name, the patient. */
const KEYS = ['voxelSha256', 'sha256', 'caseId', 'patient'] as const satisfies readonly (keyof CaseIdentity)[];

/**
 * Finds, among known cases, those that are the same as a given one: by its image (under whatever name, with whatever label),
 * by its files, by its name, or another image of the same patient. The surest match comes first.
 */
export function findSameCases<C extends CaseIdentity>(known: readonly C[]): (one: CaseIdentity) => C[] {
  const byKey = KEYS.map((key) => {
    const found = new Map<string, C[]>();
    for (const each of known) {
      const value = each[key];
      if (value) found.set(value, [...(found.get(value) ?? []), each]);
    }
    return { key, found };
  });
  return (one) => [...new Set(byKey.flatMap(({ key, found }) => found.get(one[key] ?? '') ?? []))];
}

/** Tells of each case whether it is one of the known ones, see {@link findSameCases}. */
export function sameCaseAs(known: readonly CaseIdentity[]): (one: CaseIdentity) => boolean {
  const find = findSameCases(known);
  return (one) => find(one).length > 0;
}
