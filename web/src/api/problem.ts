import type { Problem } from '@voxhelm/contracts/api';

/** A refusal or failure of the API, with its problem document; `problem` is null where no answer came at all. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly problem: Problem | null;

  constructor(message: string, status: number, problem: Problem | null) {
    super(message);
    this.status = status;
    this.problem = problem;
  }
}

/** What to tell of any thrown value: what happened, and what to try. */
export function describeError(error: unknown): { message: string; fix: string | null } {
  if (error instanceof ApiError) return { message: error.message, fix: error.problem?.fix ?? null };
  const fix = error instanceof Error && 'fix' in error && typeof error.fix === 'string' ? error.fix : null;
  return { message: error instanceof Error ? error.message : String(error), fix };
}
