import { STATUS_CODES } from 'node:http';
import type { Problem } from '@voxhelm/contracts/api';
import { type ErrorCode, VoxhelmError } from '@voxhelm/contracts/errors';
import { nearest } from '@voxhelm/contracts/nearest';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

/** One wrong field of a request: where (JSON pointer, RFC 6901), what is wrong and what was probably meant. */
export interface FieldError {
  readonly pointer: string;
  readonly message: string;
  readonly suggestion?: string;
}

/** HTTP status of each error code, where the error does not carry one of its own. */
const STATUS: Readonly<Record<ErrorCode, number>> = {
  'invalid-request': 400,
  'not-found': 404,
  conflict: 409,
  unauthorized: 401,
  'bad-image': 422,
  'bad-dataset': 422,
  'bad-bundle': 422,
  'bad-checkpoint': 422,
  diverged: 500,
  'out-of-memory': 503,
  storage: 500,
  unavailable: 503,
  cancelled: 409,
  'not-installed': 503,
  internal: 500,
};

/** Seconds after which a client may ask again where a service is away. */
const RETRY_AFTER_SECONDS = 2;

/** A VoxhelmError that answers with another status than its code's (422 for a reused idempotency key). */
export function withStatus(statusCode: number, error: VoxhelmError): VoxhelmError {
  return Object.assign(error, { statusCode });
}

/** `invalid-request` that names one field by JSON pointer. */
export function fieldError(pointer: string, message: string, facts: { suggestion?: string; fix?: string } = {}) {
  const { suggestion, fix } = facts;
  const field: FieldError = { pointer, message, ...(suggestion === undefined ? {} : { suggestion }) };
  return new VoxhelmError('invalid-request', `${pointer}: ${message}`, {
    ...(fix === undefined ? {} : { fix }),
    details: { errors: [field] },
  });
}

/** `not-found` for a thing of this kind and id. */
export function notFound(kind: string, id: string): VoxhelmError {
  const fix = WHERE_LISTED[kind];
  return new VoxhelmError('not-found', `there is no ${kind} "${id}"`, fix === undefined ? {} : { fix });
}

/** Where a person finds the ids of things of a kind; the API's documents list the same under /docs. */
const WHERE_LISTED: Readonly<Record<string, string>> = {
  run: '`voxhelm runs` and the page Runs list what there is.',
  trial: '`voxhelm trials RUN` and the run’s page list what there is.',
  dataset: 'The page Datasets lists what there is.',
  schedule: '`voxhelm schedule list` and the page Schedules list what there is.',
  webhook: '`voxhelm webhook list` lists what there is.',
  delivery: '`voxhelm webhook list --dead` lists what was given up.',
  'suggestion yet of dataset': 'Ask for one: `voxhelm suggest DATASET`.',
  'champion yet of dataset': 'The first retraining makes one; or by hand: `voxhelm champion DATASET --set RUN`.',
  'ensemble bundle yet of run': 'A run has one once it is completed: `voxhelm show RUN`.',
};

/** Parses what a client sent; throws `invalid-request` naming every wrong field. `where` says what it is ("the query"). */
export function parseRequest<S extends z.core.$ZodType>(schema: S, value: unknown, where: string): z.output<S> {
  const parsed = z.core.safeParse(schema, value, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw requestError(parsed.error, schema, where);
}

/** What is wrong with a value by a schema; `pointer`: where in the request it stands. */
export function schemaErrors(schema: z.core.$ZodType, value: unknown, pointer: string): FieldError[] {
  const issues = z.core.safeParse(schema, value, { reportInput: true }).error?.issues ?? [];
  const errors = issues.flatMap((issue) => fieldErrors(issue, [], schema));
  return errors.map((error) => ({ ...error, pointer: pointer + error.pointer }));
}

/** Every issue of a failed parse as a `invalid-request` that names each field; `schema` is asked for the known names. */
function requestError(error: z.core.$ZodError, schema: z.core.$ZodType, where: string): VoxhelmError {
  const errors = error.issues.flatMap((issue) => fieldErrors(issue, [], schema));
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const detail = first === undefined ? error.message : `${first.pointer || '/'}: ${first.message}${more}`;
  return new VoxhelmError('invalid-request', `${where} is wrong at ${detail}`, {
    fix: 'Correct the fields named in "errors"; /v1/openapi.json has the schema.',
    details: { errors },
  });
}

/** What zod says of a value that no branch of a union takes, where the schema says nothing itself. */
const UNSAID = 'Invalid input';

function fieldErrors(issue: z.core.$ZodIssue, base: readonly PropertyKey[], schema: z.core.$ZodType): FieldError[] {
  const path = [...base, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, path, issue.input);
    return issue.keys.map((key) => {
      const suggestion = nearest(key, known);
      const hint = suggestion === undefined ? '' : `; did you mean "${suggestion}"?`;
      return {
        pointer: pointerOf([...path, key]),
        message: `unknown field "${key}"${hint}`,
        ...(suggestion === undefined ? {} : { suggestion }),
      };
    });
  }
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined) return [unknownWord(issue, path)];
  if (issue.code === 'invalid_union') {
    // A schema that says in its own words what it wants says it better than its branches.
    if (issue.message !== UNSAID) return [{ pointer: pointerOf(path), message: issue.message }];
    // The branch with the deepest issue is the one that the user was writing.
    const branch = issue.errors.toSorted((a, b) => depth(b) - depth(a))[0];
    if (branch !== undefined && depth(branch) > 0) return branch.flatMap((inner) => fieldErrors(inner, path, schema));
    const branches = issue.errors.flat();
    const message = [...new Set(branches.map((each) => each.message))].join(' or ') || issue.message;
    return [{ pointer: pointerOf(path), message, ...suggestionOf(branches) }];
  }
  const missing = issue.code === 'invalid_type' && issue.input === undefined;
  return [{ pointer: pointerOf(path), message: missing ? 'is missing' : issue.message, ...suggestionOf([issue]) }];
}

/** A name that no branch of a union has. */
function unknownWord(issue: z.core.$ZodIssueInvalidUnion, path: readonly PropertyKey[]): FieldError {
  const key = issue.discriminator as string;
  const word = (issue.input as Record<string, unknown> | undefined)?.[key];
  const pointer = pointerOf(path.at(-1) === key ? path : [...path, key]);
  if (typeof word !== 'string') return { pointer, message: word === undefined ? 'is missing' : issue.message };
  const names = [...issue.message.matchAll(/'([^']+)'/g)].map((match) => match[1] ?? '');
  const suggestion = nearest(word, names);
  if (suggestion === undefined) {
    const message = names.length === 0 ? issue.message : `unknown ${key} "${word}"; there are ${names.join(', ')}`;
    return { pointer, message };
  }
  return { pointer, message: `unknown ${key} "${word}"; did you mean "${suggestion}"?`, suggestion };
}

/** The nearest of the allowed words, where a word that is not allowed was given. */
function suggestionOf(issues: readonly z.core.$ZodIssue[]): { suggestion?: string } {
  for (const issue of issues) {
    if (issue.code !== 'invalid_value' || typeof issue.input !== 'string') continue;
    const suggestion = nearest(issue.input, issue.values.map(String));
    if (suggestion !== undefined) return { suggestion };
  }
  return {};
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length));
}

/** RFC 6901: "~" and "/" escaped. */
function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** Field names that the schema knows at a path; of a union those of the branches that the value's own words fit. */
function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[], value: unknown): string[] {
  let current = branchesOf(schema);
  for (const part of path) {
    current = current.flatMap((one) => {
      if (one instanceof z.ZodObject) return branchesOf(one.shape[String(part)]);
      if (one instanceof z.ZodArray) return branchesOf(one.element);
      return one instanceof z.ZodRecord ? branchesOf(one.valueType) : [];
    });
  }
  const objects = current.filter((one) => one instanceof z.ZodObject);
  const fitting = objects.filter(({ shape }) => saysWhatItIs(shape, value));
  return (fitting.length > 0 ? fitting : objects).flatMap(({ shape }) => Object.keys(shape));
}

/** A schema, or the branches of a union. */
function branchesOf(schema: z.core.$ZodType | undefined): z.core.$ZodType[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) return inner.options.flatMap((option) => branchesOf(option));
  return inner === undefined ? [] : [inner];
}

/** True where every literal of an object's schema ("name") stands in the value. */
function saysWhatItIs(shape: Readonly<Record<string, z.core.$ZodType>>, value: unknown): boolean {
  return Object.entries(shape).every(
    ([key, inner]) =>
      !(inner instanceof z.ZodLiteral) || inner.values.has((value as Record<string, never> | null)?.[key] as never),
  );
}

function unwrap(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  let current = schema;
  while (current instanceof z.ZodOptional || current instanceof z.ZodDefault || current instanceof z.ZodNullable) {
    current = current.unwrap();
  }
  return current;
}

/** Any thrown value as the problem document that the client sees; nothing of an internal fault leaves the server. */
export function problemOf(error: unknown, instance: string): Problem {
  const known = asVoxhelmError(error);
  const carried = (error as { statusCode?: unknown }).statusCode;
  const status = typeof carried === 'number' && carried >= 400 && carried < 500 ? carried : STATUS[known.code];
  const { errors, findings } = known.details as { errors?: FieldError[]; findings?: Problem['findings'] };
  const hidden = known.code === 'internal';
  return {
    type: `urn:voxhelm:error:${known.code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: hidden ? "The server failed on this request; the API's log says why." : known.message,
    instance,
    code: known.code,
    ...(known.fix === undefined ? {} : { fix: known.fix }),
    ...(errors === undefined ? {} : { errors }),
    ...(findings === undefined ? {} : { findings }),
  };
}

/** The one error handler of the service. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error, request.url);
  if (problem.status >= 500 && problem.status !== 503) request.log.error({ err: error }, 'request failed');
  else request.log.debug({ code: problem.code, detail: problem.detail }, 'request refused');
  if (problem.status === 503) reply.header('retry-after', String(RETRY_AFTER_SECONDS));
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  // A string leaves fastify's response schemas alone: a problem document answers any route.
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

function asVoxhelmError(error: unknown): VoxhelmError {
  if (error instanceof VoxhelmError) return error;
  if (isDatabaseAway(error)) {
    return new VoxhelmError('unavailable', 'the database does not answer', {
      fix: 'Try again in some seconds; `voxhelm doctor` tells what is not running.',
      cause: error,
    });
  }
  const { statusCode, message } = error as Partial<FastifyError>;
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new VoxhelmError('invalid-request', message ?? 'the request is wrong', { cause: error });
  }
  return new VoxhelmError('internal', message ?? String(error), { cause: error });
}

/** Prisma's codes for "no connection", "timed out", "connection closed", "pool exhausted", "transaction could not start". */
const PRISMA_AWAY: ReadonlySet<string> = new Set([
  'P1001',
  'P1002',
  'P1008',
  'P1011',
  'P1017',
  'P2024',
  'P2028',
  'P2037',
]);
/** PostgreSQL's class 08 (connection) and 57P01-57P03 (shutting down, crashed, starting up), and the socket's own codes. */
const SOCKET_AWAY = /^(08\w{3}|57P0[1-3]|53300|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOENT|ENOTFOUND)$/;
const AWAY_MESSAGE =
  /can't reach database server|connection terminated|terminating connection|server has closed the connection|connection error and is not queryable|ECONNREFUSED|ECONNRESET|timeout exceeded when trying to connect|DatabaseNotReachable|ConnectionClosed|SocketTimeout|the database system is (shutting down|starting up|in recovery mode|not yet accepting connections)/i;
/** What node-postgres says when a connection breaks in the middle of a transaction: plain errors without a code. */
const BROKEN_CONNECTION =
  /^(Connection terminated|Client has encountered a connection error and is not queryable|terminating connection due to)/;

/**
 * True where an error of the database client says that the database cannot be reached now. Held by database-away.test.ts,
 * which kills a server under load and collects what the client throws.
 */
export function isDatabaseAway(error: unknown): boolean {
  for (let current = error, depthLeft = 5; isObject(current) && depthLeft > 0; depthLeft -= 1) {
    const { code, originalCode, name = '', message = '', meta, cause } = current as DatabaseError;
    if (name === 'PrismaClientInitializationError') return true;
    if (typeof code === 'string' && PRISMA_AWAY.has(code)) return true;
    if (BROKEN_CONNECTION.test(message)) return true;
    const fromDatabase = name.startsWith('Prisma') || name === 'DriverAdapterError' || 'severity' in current;
    if (fromDatabase && AWAY_MESSAGE.test(message)) return true;
    const codes = [fromDatabase ? code : undefined, originalCode, meta?.code];
    if (codes.some((one) => typeof one === 'string' && SOCKET_AWAY.test(one))) return true;
    current = cause ?? meta?.driverAdapterError;
  }
  return false;
}

/** What errors of Prisma, its adapter and node-postgres carry; the adapter's causes are plain objects. */
interface DatabaseError {
  readonly code?: unknown;
  readonly originalCode?: unknown;
  readonly name?: string;
  readonly message?: string;
  readonly meta?: { readonly code?: unknown; readonly driverAdapterError?: unknown };
  readonly cause?: unknown;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
