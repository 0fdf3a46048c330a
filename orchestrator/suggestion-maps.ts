import { mapKeyUnder, type SuggestionMap } from '@voxhelm/contracts/suggestion-maps';

/*
 * Where the ensembler leaves what the champion predicts of the cases to label next (ensembler/suggest.ts).
 */

/** Key prefix of a suggestion's maps in the artifact store. */
export function suggestionMapsPrefix(suggestionId: string): string {
  return `suggestions/${suggestionId}/maps`;
}

/** Key of one map. */
export function suggestionMapKey(suggestionId: string, caseId: string, map: SuggestionMap): string {
  return mapKeyUnder(suggestionMapsPrefix(suggestionId), caseId, map);
}
