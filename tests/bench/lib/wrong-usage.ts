import { type ErrorCode, VoxhelmError } from '@voxhelm/contracts/errors';

/** What whoever calls a benchmark can mend. */
const OF_THE_USER: readonly ErrorCode[] = ['invalid-request', 'not-found', 'not-installed'];

/**
 * What to say of an option that is unknown (node:util's parseArgs says so by a code) or has a wrong value; null for any
 * other error, which is a fault and keeps its stack trace.
 */
export function wrongUsage(error: unknown): string | null {
  if (error instanceof VoxhelmError && OF_THE_USER.includes(error.code)) {
    return error.fix === undefined ? error.message : `${error.message}\n  ${error.fix}`;
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('ERR_PARSE_ARGS_') ? (error as Error).message : null;
}
