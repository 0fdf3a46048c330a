/*
 * Where the ensembler leaves what the champion predicts of the cases to label next (ensembler/suggest.ts).
 */

/** What is kept of a case: the champion's label map, and how unsure it is at each voxel. */
export const SUGGESTION_MAPS = ['prediction', 'entropy'] as const;
export type SuggestionMap = (typeof SUGGESTION_MAPS)[number];

/** Key prefix of a suggestion's maps in the artifact store. */
export function suggestionMapsPrefix(suggestionId: string): string {
  return `suggestions/${suggestionId}/maps`;
}

/** Key of one map. */
export function suggestionMapKey(suggestionId: string, caseId: string, map: SuggestionMap): string {
  return `${suggestionMapsPrefix(suggestionId)}/${caseId}${map === 'entropy' ? '.entropy' : ''}.nii.gz`;
}
