import type { ErrorCode } from '@voxhelm/contracts/errors';

/**
 * Error codes after which no attempt can succeed. The complement of contracts/errors.ts' retryable codes (a test compares
 * them); given here too because a trainer of another version may not mark them.
 */
export const NON_RETRYABLE_CODES: readonly ErrorCode[] = [
  'invalid-request',
  'not-found',
  'conflict',
  'unauthorized',
  'bad-image',
  'bad-dataset',
  'bad-bundle',
  'bad-checkpoint',
  'diverged',
  'cancelled',
  'not-installed',
];
