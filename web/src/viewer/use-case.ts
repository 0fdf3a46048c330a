import { useQuery } from '@tanstack/react-query';
import { request } from '../api/client.ts';
import { ApiError, failure } from '../api/problem.ts';
import type { CaseAnswer, CaseMeasures, CaseRequest } from './case-messages.ts';

const LOAD_AGAIN = 'Load the page again. A very large volume may need a computer with more memory.';

/** A volume that the server has; null where it has none. */
async function volume(path: string, signal: AbortSignal): Promise<Blob | null> {
  try {
    return await (await request(path, { signal })).blob();
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/** A query for one volume, kept while the page is shown. */
export function useVolume(path: string | null) {
  return useQuery({
    queryKey: ['volume', path],
    queryFn: ({ signal }) => volume(path ?? '', signal),
    enabled: path !== null,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });
}

/** Scores, volumes and maps of a case, measured beside the page. */
export function useMeasures(key: string, wanted: CaseRequest | null) {
  return useQuery({
    queryKey: ['measures', key, wanted?.truth !== null, wanted?.probabilities !== null],
    queryFn: ({ signal }) => measure(wanted as CaseRequest, signal),
    enabled: wanted !== null,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    retry: false,
  });
}

function measure(wanted: CaseRequest, signal: AbortSignal): Promise<CaseMeasures> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./case.worker.ts', import.meta.url), { type: 'module' });
    const end = (): void => worker.terminate();
    signal.addEventListener('abort', end);
    worker.onmessage = ({ data }: MessageEvent<CaseAnswer>) => {
      end();
      if ('measures' in data) resolve(data.measures);
      else reject(failure(data.failed, data.fix));
    };
    worker.onerror = (event) => {
      end();
      reject(failure(`This case could not be measured here: ${event.message}`, LOAD_AGAIN));
    };
    worker.postMessage(wanted);
  });
}
