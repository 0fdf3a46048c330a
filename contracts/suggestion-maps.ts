/*
 * Maps of the cases to label next: the ensembler writes them, and the API gives them out.
 */

/** What is kept of a case: the champion's label map, and how unsure it is at each voxel. */
export const SUGGESTION_MAPS = ['prediction', 'entropy'] as const;
export type SuggestionMap = (typeof SUGGESTION_MAPS)[number];

/** Key of a case's map in the artifact store, under the suggestion's prefix. */
export function mapKeyUnder(prefix: string, caseId: string, map: SuggestionMap): string {
  return `${prefix}/${caseId}${map === 'entropy' ? '.entropy' : ''}.nii.gz`;
}
