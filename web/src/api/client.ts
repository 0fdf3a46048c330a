import type { Problem } from '@voxhelm/contracts/api';
import { serviceAway } from './connection.ts';
import { needKey, readKey } from './key.ts';
import { ApiError } from './problem.ts';

const SERVICE_AWAY = 'Look whether it runs (npx voxhelm doctor) and whether this computer reaches it; then try again.';

/** Asks the API; throws {@link ApiError} with its problem document. Asks the user for the API key where it wants one. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const key = readKey();
  const headers = new Headers(init.headers);
  if (key !== null) headers.set('authorization', `Bearer ${key}`);
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    serviceAway();
    throw new ApiError('The service does not answer.', 0, null, SERVICE_AWAY);
  }
  if (response.ok) return response;
  const problem = (await response.json().catch(() => null)) as Problem | null;
  if (response.status === 401) needKey();
  throw new ApiError(problem?.detail ?? `${path} answered HTTP ${response.status}`, response.status, problem);
}

/** Reads JSON. The server writes it by the same schema from contracts/, so the type is all that is needed here. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await request(path, {
    headers: { accept: 'application/json' },
    ...(signal === undefined ? {} : { signal }),
  });
  return (await response.json()) as T;
}

/** Sends JSON and reads the answer. */
export async function send<T>(
  method: 'POST' | 'PUT' | 'DELETE' | 'PATCH',
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  const response = await request(path, {
    method,
    headers: {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** Reads all pages of a list. */
export async function getAll<T>(path: string, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const query: string = `limit=100${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
    const page: { items: T[]; nextCursor: string | null } = await get(
      `${path}${path.includes('?') ? '&' : '?'}${query}`,
      signal,
    );
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return items;
}

/** Downloads a file under its own name; with a key a plain link would not be answered. */
export async function download(path: string, name: string): Promise<void> {
  const blob = await (await request(path)).blob();
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
