import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query';
import type { RunView } from '@voxhelm/contracts/api';
import type { RunsMessage } from '@voxhelm/contracts/api-live';
import { useEffect } from 'react';
import { getAll } from './client.ts';
import { follow } from './stream.ts';

const KEY = ['runs'] as const;

/** All runs, newest first, kept up to date while the page is shown. */
export function useRuns() {
  const client = useQueryClient();
  const query = useQuery({ queryKey: KEY, queryFn: ({ signal }) => getAll<RunView>('/v1/runs', signal) });
  useEffect(() => {
    const ending = new AbortController();
    void follow(
      '/v1/live',
      {
        onMessage: (type, data) => {
          if (type === 'runs') mergeRuns(client, (data as RunsMessage).runs);
        },
      },
      ending.signal,
    );
    return () => ending.abort();
  }, [client]);
  return query;
}

function mergeRuns(client: QueryClient, changed: readonly RunView[]): void {
  client.setQueryData<RunView[]>(KEY, (known) => {
    if (known === undefined) return known;
    const runs = new Map(known.map((run) => [run.id, run]));
    for (const run of changed) runs.set(run.id, run);
    return [...runs.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
  });
}
