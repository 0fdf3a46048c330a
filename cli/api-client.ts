import { Problem } from '@voxhelm/contracts/api';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Settings } from '@voxhelm/contracts/settings';
import type { z } from 'zod';

/** Speaks to the API; every refusal becomes a VoxhelmError with the problem document's words. */
export interface ApiClient {
  readonly url: string;
  get<S extends z.ZodType>(path: string, schema: S): Promise<z.infer<S>>;
  post<S extends z.ZodType>(
    path: string,
    body: unknown,
    schema: S,
    headers?: Record<string, string>,
  ): Promise<z.infer<S>>;
  put<S extends z.ZodType>(path: string, body: unknown, schema: S): Promise<z.infer<S>>;
  /** The response as it comes, for streams and files; throws for a status of 400 and above. */
  raw(path: string, init?: RequestInit): Promise<Response>;
}

/** A client for the API that the settings name. */
export function createApiClient(settings: Pick<Settings, 'url' | 'apiKey'>): ApiClient {
  const authorization: Record<string, string> =
    settings.apiKey === undefined ? {} : { authorization: `Bearer ${settings.apiKey}` };

  async function raw(path: string, init: RequestInit = {}): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${settings.url}/v1${path}`, {
        ...init,
        headers: { ...authorization, ...(init.headers as Record<string, string>) },
      });
    } catch (error) {
      if (init.signal?.aborted === true) throw error;
      throw new VoxhelmError('unavailable', `Voxhelm does not answer at ${settings.url}`, {
        fix: 'Start it with `npx voxhelm up`, or name its address in VOXHELM_URL.',
        cause: error,
      });
    }
    if (!response.ok) throw await problemOf(response, path);
    return response;
  }

  const sent = (method: 'POST' | 'PUT', path: string, body: unknown, headers: Record<string, string> = {}) =>
    raw(path, { method, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });

  async function parsed<S extends z.ZodType>(response: Response, schema: S): Promise<z.infer<S>> {
    return schema.parse(await response.json()) as z.infer<S>;
  }

  return {
    url: settings.url,
    raw,
    get: async (path, schema) => parsed(await raw(path), schema),
    post: async (path, body, schema, headers) => parsed(await sent('POST', path, body, headers), schema),
    put: async (path, body, schema) => parsed(await sent('PUT', path, body), schema),
  };
}

async function problemOf(response: Response, path: string): Promise<VoxhelmError> {
  const parsed = Problem.safeParse(await response.json().catch(() => null));
  if (!parsed.success) return new VoxhelmError('internal', `${path} answered HTTP ${response.status}`);
  return errorOf(parsed.data);
}

/** A problem document as an error: its own sentence, which names the first field, then the other fields and findings. */
export function errorOf(problem: Problem): VoxhelmError {
  const fields = (problem.errors ?? [])
    .filter(({ message }) => !problem.detail.includes(message))
    .map(({ pointer, message }) => `  ${pointer || '/'}: ${message}`);
  const suggestions = (problem.errors ?? []).flatMap(({ pointer, message, suggestion }) =>
    suggestion === undefined || message.includes(`"${suggestion}"?`)
      ? []
      : [`  ${pointer}: did you mean "${suggestion}"?`],
  );
  // What is refused for one finding says it in its own sentence.
  const findings = (problem.findings ?? [])
    .filter(({ message }) => !problem.detail.includes(message))
    .map((finding) => `  ${finding.case}: ${finding.message}`);
  return new VoxhelmError(
    problem.code,
    [problem.detail, ...fields, ...suggestions, ...findings].join('\n'),
    problem.fix === undefined ? {} : { fix: problem.fix },
  );
}
