import { VoxhelmError } from '@voxhelm/contracts/errors';

/**
 * What to say of an option that is unknown (node:util's parseArgs says so by a code) or has a wrong value; null for any
 * other error, which is a fault and keeps its stack trace.
 */
export function wrongUsage(error: unknown): string | null {
  if (error instanceof VoxhelmError && error.code === 'invalid-request') {
    return error.fix === undefined ? error.message : `${error.message}\n  ${error.fix}`;
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('ERR_PARSE_ARGS_') ? (error as Error).message : null;
}
