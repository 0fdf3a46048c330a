import type { Problem } from '@voxhelm/contracts/api';

/** A refusal or failure of the API, with its problem document; `problem` is null where no answer came at all. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly problem: Problem | null;
  /** What to try. */
  readonly fix: string | null;

  constructor(message: string, status: number, problem: Problem | null, fix: string | null = problem?.fix ?? null) {
    super(message);
    this.status = status;
    this.problem = problem;
    this.fix = fix;
  }
}

/** A field of a problem as people write it: "plan.patchSize" of "/plan/patchSize"; empty for the whole request. */
export function fieldOf(pointer: string): string {
  return pointer.slice(1).replaceAll('/', '.');
}

/** What to tell of any thrown value: what happened, and what to try. */
export function describeError(error: unknown): { message: string; fix: string | null } {
  const fix = error instanceof Error && 'fix' in error && typeof error.fix === 'string' ? error.fix : null;
  return { message: error instanceof Error ? error.message : String(error), fix };
}

/** A failure with what to try, as a worker or a library told it. */
export function failure(message: string, fix: string | null): Error {
  return Object.assign(new Error(message), { fix });
}
