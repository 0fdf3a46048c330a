import { useQuery } from '@tanstack/react-query';
import type { SuggestionView } from '@voxhelm/contracts/api-schedules';
import { get } from '../api/client.ts';

/** How often a list that is being made is looked at, and one that is there: labels come by other ways, too. */
const [WORKING_MS, DONE_MS] = [1_500, 10_000];

/** Where a dataset's newest list of what to label next is cached. */
export const suggestionKey = (datasetId: string) => ['dataset', datasetId, 'suggestions'];

/** A dataset's newest list of what to label next; null where nobody asked yet. Not asked for while `enabled` is false. */
export function useSuggestion(datasetId: string, enabled = true) {
  return useQuery({
    queryKey: suggestionKey(datasetId),
    queryFn: async ({ signal }): Promise<SuggestionView | null> => {
      const path = `/v1/datasets/${datasetId}/suggestions?limit=1`;
      return (await get<{ items: SuggestionView[] }>(path, signal)).items[0] ?? null;
    },
    enabled,
    refetchInterval: ({ state }) => (state.data?.state === 'working' ? WORKING_MS : DONE_MS),
  });
}
