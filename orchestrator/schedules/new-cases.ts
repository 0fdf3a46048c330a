/*
 * What came since a training: by the files' hashes, so that a case which was only moved or renamed on disk is no news.
 */

/** A training case by name and content. */
export interface CaseContent {
  readonly caseId: string;
  readonly sha256: string | null;
}

/** What differs between two looks at a dataset, each list sorted. */
export interface CaseChanges {
  /** Neither the name nor the content was there before. */
  readonly newCases: string[];
  /** The name was there with another content: an image or its label was corrected. */
  readonly correctedCases: string[];
  readonly removedCases: string[];
}

/** Compares the valid training cases of now with those of a training; everything is new where nothing was trained. */
export function changesSince(before: readonly CaseContent[], now: readonly CaseContent[]): CaseChanges {
  const contentOf = new Map(before.map(({ caseId, sha256 }) => [caseId, sha256]));
  const contents = new Set(before.map(({ sha256 }) => sha256));
  const here = new Set(now.map(({ caseId }) => caseId));
  const hereContents = new Set(now.map(({ sha256 }) => sha256));
  const named = (cases: readonly CaseContent[]): string[] => cases.map(({ caseId }) => caseId).sort();
  return {
    newCases: named(now.filter(({ caseId, sha256 }) => !contentOf.has(caseId) && !contents.has(sha256))),
    correctedCases: named(
      now.filter(({ caseId, sha256 }) => contentOf.has(caseId) && contentOf.get(caseId) !== sha256),
    ),
    removedCases: named(before.filter(({ caseId, sha256 }) => !here.has(caseId) && !hereContents.has(sha256))),
  };
}
