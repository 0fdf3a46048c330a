import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, resolve } from 'node:path';
import { RunView } from '@voxhelm/contracts/api';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { readSettings } from '@voxhelm/contracts/settings';
import { createApiClient } from '../api-client.ts';
import type { SubmitOptions } from '../main.ts';
import { readStructured } from '../structured-file.ts';
import { followRun } from './watch.ts';

/** Submits a run; with --follow watches it to its end and returns 1 where it failed. */
export async function submit(request: string, options: SubmitOptions): Promise<number> {
  const settings = readSettings();
  const client = createApiClient(settings);
  const body = withSubmitter(await requestFrom(request), options.submittedBy ?? settings.submittedBy);
  const run = await client.post('/runs', body, RunView, { 'idempotency-key': options.idempotencyKey ?? randomUUID() });
  if (options.json !== true) process.stdout.write(`${run.id}  ${run.name}\n`);
  else if (options.follow !== true) process.stdout.write(`${JSON.stringify(run)}\n`);
  return options.follow === true ? followRun(client, run.id, options) : 0;
}

/**
 * The request with who submits it: as told (option, then environment; '' for nobody), else as the request itself says,
 * else the operating system's user name.
 */
export function withSubmitter(
  request: Readonly<Record<string, unknown>>,
  told: string | undefined,
  userName: () => string | undefined = systemUser,
): Record<string, unknown> {
  const { submittedBy: written, ...rest } = request;
  const submittedBy = told ?? written ?? userName();
  return submittedBy === undefined || submittedBy === '' ? rest : { ...rest, submittedBy };
}

/** The name of the user that runs this process; undefined where the system has none for it, as in some containers. */
function systemUser(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

/**
 * The request that a word on the command line means: a YAML or JSON file's content, else a dataset. A dataset's path is
 * made absolute (relative to the file that names it) where it exists here; anything else is an id or a name. So is that of
 * the weights that plans start from.
 */
export async function requestFrom(word: string): Promise<Record<string, unknown>> {
  if (!/\.(ya?ml|json)$/.test(word) || /dataset\.json$/.test(word))
    return { dataset: await absoluteIfHere(word, process.cwd()) };
  const request = await readStructured(word);
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    throw new VoxhelmError('invalid-request', `${word} holds no fields`, {
      fix: 'A RUN.yaml needs at least `dataset: PATH`.',
    });
  }
  const fields = request as Record<string, unknown>;
  // A task YAML of Auto3DSeg is a dataset, not a request.
  if (typeof fields['datalist'] === 'string' && fields['dataset'] === undefined) return { dataset: resolve(word) };
  const base = dirname(resolve(word));
  const plan = await withAbsoluteStart(fields['plan'], base);
  const whole = plan === undefined ? fields : { ...fields, plan };
  if (typeof fields['dataset'] !== 'string') return whole;
  return { ...whole, dataset: await absoluteIfHere(fields['dataset'], base) };
}

/** The request's `plan` with the weights that it starts from by an absolute path, where they are a file here. */
async function withAbsoluteStart(plan: unknown, base: string): Promise<unknown> {
  if (typeof plan !== 'object' || plan === null || !('startFrom' in plan)) return plan;
  const { startFrom } = plan;
  return typeof startFrom === 'string' ? { ...plan, startFrom: await absoluteIfHere(startFrom, base) } : plan;
}

/** The absolute path of what exists here; anything else (an id, a name) as it is. */
export async function absoluteIfHere(path: string, base: string): Promise<string> {
  const absolute = resolve(base, path);
  return stat(absolute).then(
    () => absolute,
    () => path,
  );
}
