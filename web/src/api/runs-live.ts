import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { RunView } from '@voxhelm/contracts/api';
import type { RunsMessage } from '@voxhelm/contracts/api-live';
import { useEffect, useRef } from 'react';
import { getAll } from './client.ts';
import { mergeRuns } from './merge.ts';
import { follow } from './stream.ts';

const KEY = ['runs'] as const;

/** All runs, newest first, kept up to date while the page is shown. */
export function useRuns() {
  const client = useQueryClient();
  // Told while the list is being read: the list may be the older word, and a run that has ended is never told again.
  const told = useRef(new Map<string, RunView>());
  const query = useQuery({
    queryKey: KEY,
    queryFn: async ({ signal }) => {
      told.current = new Map();
      return mergeRuns(await getAll<RunView>('/v1/runs', signal), told.current.values());
    },
  });
  useEffect(() => {
    const ending = new AbortController();
    void follow(
      '/v1/live',
      {
        onMessage: (type, data) => {
          if (type !== 'runs') return;
          const { runs, gone } = data as RunsMessage;
          for (const run of runs) told.current.set(run.id, run);
          client.setQueryData<RunView[]>(KEY, (known) => known && mergeRuns(known, runs, gone));
        },
      },
      ending.signal,
    );
    return () => ending.abort();
  }, [client]);
  return query;
}
