/**
 * Every way in which Voxhelm refuses or fails, as a closed set, so that each boundary (HTTP, Temporal, command line)
 * maps it in one place.
 */
export const ERROR_CODES = [
  'invalid-request', // what the user wrote does not fit the schema or contradicts itself
  'not-found',
  'conflict', // the state does not allow it (for example resuming a finished run)
  'unauthorized',
  'bad-image', // a file that is no readable NIfTI image
  'bad-dataset', // the dataset check found faults and skipInvalid was not given
  'bad-bundle', // an ensemble bundle whose manifest, hashes or content do not agree
  'bad-checkpoint', // a checkpoint file that is damaged or of another network
  'diverged', // training reached NaN or infinity
  'out-of-memory',
  'storage', // disk full, file vanished, artifact with another hash than recorded
  'unavailable', // a service that does not answer now; trying again may help
  'cancelled',
  'not-installed', // something that `npm run setup` or `voxhelm doctor` would bring
  'internal',
] as const;

/** One of {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** Codes after which the same attempt may succeed later; all others fail for good. */
const RETRYABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['unavailable', 'storage', 'out-of-memory', 'internal']);

/** What a {@link VoxhelmError} can carry beside its message. */
export interface ErrorFacts {
  /** What to do about it, one imperative sentence. */
  readonly fix?: string;
  /** Machine-readable facts: the field, the path, the values seen and expected. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * The one error type of the product. `message` says what failed and on which input; `fix` what to do.
 * Raised where the cause is known, shown once at a boundary.
 */
export class VoxhelmError extends Error {
  override readonly name = 'VoxhelmError';
  readonly code: ErrorCode;
  readonly fix: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.fix = facts.fix;
    this.details = facts.details ?? {};
  }

  /** True where the same attempt may succeed later (a service away, a disk full). */
  get retryable(): boolean {
    return RETRYABLE.has(this.code);
  }
}

/** The error as it crosses a process or network boundary. */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fix?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Any thrown value as a plain record; what is not a {@link VoxhelmError} becomes `internal` with its own message. */
export function toErrorRecord(error: unknown): ErrorRecord {
  if (error instanceof VoxhelmError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.fix === undefined ? {} : { fix: error.fix }),
      ...(Object.keys(error.details).length === 0 ? {} : { details: error.details }),
    };
  }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}

/** The inverse of {@link toErrorRecord}. */
export function fromErrorRecord(record: ErrorRecord): VoxhelmError {
  return new VoxhelmError(record.code, record.message, {
    ...(record.fix === undefined ? {} : { fix: record.fix }),
    ...(record.details === undefined ? {} : { details: record.details }),
  });
}
