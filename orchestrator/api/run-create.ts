import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { planners } from '@voxhelm/algorithms/planners';
import { Modality } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { nearest } from '@voxhelm/contracts/nearest';
import { Plan } from '@voxhelm/contracts/plan';
import { budgetOf, type RunRequest, RunRequest as RunRequestSchema } from '@voxhelm/contracts/run';
import { readDatalist } from '@voxhelm/imaging/datasets/read-datalist';
import type { Database, Transaction } from '@voxhelm/prisma/client';
import { newId } from '@voxhelm/prisma/ids';
import { fromJson, toJson } from '@voxhelm/prisma/json';
import { checkExpression } from '@voxhelm/search/narrow';
import { z } from 'zod';
import { bundleOf, startSource } from '../start-source.ts';
import { type FieldError, fieldError, schemaErrors, withStatus } from './errors.ts';
import { checkSameRequest, lockName, requestSha256 } from './idempotency.ts';
import { checkChannelsKnown, checkPlanned, planErrors } from './plan-check.ts';

/** Checks what the schema cannot: names of algorithms and of their options, and whole plans. Throws `invalid-request` naming every wrong field. */
export function checkRunRequest(request: RunRequest, algorithms: readonly string[]): void {
  const errors: FieldError[] = [];
  const checkName = (pointer: string, name: string): void => {
    if (algorithms.includes(name)) return;
    const suggestion = nearest(name, algorithms);
    const message = `there is no algorithm "${name}"; there are ${algorithms.join(', ')}`;
    errors.push({ pointer, message, ...(suggestion === undefined ? {} : { suggestion }) });
  };
  request.algorithms?.forEach((name, index) => {
    checkName(`/algorithms/${index}`, name);
    if (request.algorithms?.indexOf(name) !== index)
      errors.push({ pointer: `/algorithms/${index}`, message: 'is named twice' });
  });
  for (const [name, given] of Object.entries(request.search?.spaces ?? {})) {
    const pointer = `/search/spaces/${name}`;
    checkName(pointer, name);
    if (request.algorithms?.includes(name) === false && algorithms.includes(name))
      errors.push({ pointer, message: `is not among the algorithms of this run: ${request.algorithms.join(', ')}` });
    errors.push(...wrongParameters(name, given));
  }
  for (const [name, plan] of Object.entries(request.plan?.plans ?? {})) {
    checkName(`/plan/plans/${name}`, name);
    errors.push(...schemaErrors(Plan, plan, `/plan/plans/${name}`));
  }
  errors.push(...planErrors(request));
  const [first] = errors;
  if (first === undefined) return;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const refusal = new VoxhelmError(
    'invalid-request',
    `the request is wrong at ${first.pointer}: ${first.message}${more}`,
    { fix: 'Correct the fields named in "errors".', details: { errors } },
  );
  // A space is well-formed by the schema; whether it can be searched depends on the algorithm.
  throw errors.every(({ pointer }) => pointer.startsWith('/search/spaces/')) ? withStatus(422, refusal) : refusal;
}

/** Names in a user's space that the algorithm never has, and ranges that make no sense. */
function wrongParameters(algorithm: string, given: Readonly<Record<string, unknown>>): FieldError[] {
  const known = Object.hasOwn(planners, algorithm) ? planners[algorithm]?.searched : undefined;
  if (known === undefined) return [];
  return Object.entries(given).flatMap(([name, value]): FieldError[] => {
    const pointer = `/search/spaces/${algorithm}/${name}`;
    if (!known.includes(name)) {
      const suggestion = nearest(name, known);
      const message = `${algorithm} has no parameter "${name}"; it has ${known.join(', ')}`;
      return [{ pointer, message, ...(suggestion === undefined ? {} : { suggestion }) }];
    }
    try {
      checkExpression(algorithm, name, value);
      return [];
    } catch (error) {
      if (!(error instanceof VoxhelmError)) throw error;
      return [{ pointer, message: error.message }];
    }
  });
}

/** What a run's `dataset` names: a registered one, or a path on this server. */
type DatasetSource = { readonly id: string; readonly name: string } | { readonly path: string };

/**
 * Accepts a run: one row with its dataset and first event, in one transaction; the dispatcher starts it. The same key with
 * the same request gives the run that is there already.
 */
export async function createRun(
  database: Database,
  request: RunRequest,
  key: string | undefined,
): Promise<{ id: string; replayed: boolean }> {
  // The same request with the same key is the same run, whoever sends it.
  const { submittedBy, ...asked } = request;
  const sha256 = requestSha256(asked);
  if (key !== undefined) {
    const known = await findByKey(database, key, sha256);
    if (known !== null) return known;
  }
  await checkStart(database, request.plan?.startFrom);
  return withDataset(database, request.dataset, async (transaction, findOrRegister) => {
    if (key !== undefined) {
      await lockName(transaction, `run-key:${key}`);
      const known = await findByKey(transaction, key, sha256);
      if (known !== null) return known;
    }
    const dataset = await findOrRegister();
    if (request.modality === undefined) await requireModality(transaction, dataset.id);
    if (request.branch !== undefined) await checkBranch(transaction, request, dataset.id);
    await checkChannelsKnown(transaction, request, dataset.id);
    await checkPlanned(transaction, request, dataset.id);
    const id = newId('run');
    await transaction.run.create({
      data: {
        id,
        idempotencyKey: key ?? null,
        requestSha256: sha256,
        request: toJson(request) as object,
        name: request.name ?? dataset.name,
        datasetId: dataset.id,
        submittedBy: submittedBy ?? null,
        seed: request.seed,
        budgetMs: request.budget === undefined ? null : BigInt(Math.ceil(budgetOf(request.budget).ms)),
      },
    });
    await transaction.runEvent.create({
      data: { runId: id, key: 'run.created', type: 'run.created', message: 'Accepted; waiting to start.' },
    });
    return { id, replayed: false };
  });
}

/**
 * Does something in one transaction with the dataset that a word names: a registered one by id or name, or a path on this
 * server, which is registered now where no one did.
 */
export async function withDataset<T>(
  database: Database,
  word: string,
  work: (
    transaction: Transaction,
    findOrRegister: () => Promise<{ readonly id: string; readonly name: string }>,
  ) => Promise<T>,
): Promise<T> {
  const source = await findDataset(database, word);
  return database.$transaction((transaction) =>
    work(transaction, async () => ('id' in source ? source : datasetAt(transaction, source.path))),
  );
}

async function findByKey(database: Transaction, key: string, sha256: string) {
  const run = await database.run.findUnique({
    where: { idempotencyKey: key },
    select: { id: true, requestSha256: true },
  });
  if (run === null) return null;
  checkSameRequest(key, run.requestSha256, sha256);
  return { id: run.id, replayed: true };
}

/** Refuses weights to start from that are not there; whether they fit is seen where they are read, after planning. */
async function checkStart(database: Database, startFrom: string | undefined): Promise<void> {
  if (startFrom === undefined) return;
  const source = startSource(startFrom);
  if (source.kind === 'run') await bundleOf(database, source.id);
  if (source.kind !== 'file' || (await stat(source.path).catch(() => null))?.isFile() === true) return;
  throw fieldError('/plan/startFrom', `there is no file ${source.path} on this server`, {
    fix: 'Give the path of a bundle or checkpoint that the server can read, run:ID or artifact:KEY.',
  });
}

/** By id, then by name (the newest), then as a path. Throws `invalid-request` at /dataset that suggests the nearest name. */
async function findDataset(database: Database, dataset: string): Promise<DatasetSource> {
  const select = { id: true, name: true } as const;
  const known =
    (await database.dataset.findUnique({ where: { id: dataset }, select })) ??
    (await database.dataset.findFirst({ where: { name: dataset }, orderBy: { id: 'desc' }, select }));
  if (known !== null) return known;
  const path = resolve(dataset);
  if ((await stat(path).catch(() => null)) !== null) return { path };
  const names = await database.dataset.findMany({ select: { name: true }, distinct: ['name'], take: 1000 });
  const suggestion = nearest(
    dataset,
    names.map(({ name }) => name),
  );
  throw fieldError('/dataset', `"${dataset}" is neither a registered dataset nor a path on this server`, {
    ...(suggestion === undefined ? {} : { suggestion }),
    fix: "Give a dataset's id or name (GET /v1/datasets), or an absolute path that the server can read.",
  });
}

/**
 * Refuses a dataset that was registered and checked and of which nobody said the modality: its run would fail at the end of
 * its own check, minutes later. What is not checked yet is left to that check.
 */
async function requireModality(transaction: Transaction, id: string): Promise<void> {
  const known = await transaction.dataset.findUniqueOrThrow({
    where: { id },
    select: { name: true, path: true, givenModality: true, analysis: { select: { modalities: true } } },
  });
  if (known.analysis === null || known.givenModality !== null) return;
  if (fromJson('Analysis.modalities', z.array(Modality), known.analysis.modalities).length > 0) return;
  // Its lists may say it by now. Where this server cannot read them (the trainer can), what the check saw holds.
  const now = await readDatalist(known.path).catch(() => null);
  if (now !== null && now.modalities.length > 0) return;
  throw fieldError('/modality', `is missing: nothing in the dataset "${known.name}" says its modality`, {
    fix: 'Give `modality`: CT, MRI, PET or other, or one per channel.',
  });
}

/** The dataset at a path, registered now where no one did; its run checks it, so no check of its own is started. */
async function datasetAt(transaction: Transaction, path: string): Promise<{ id: string; name: string }> {
  await lockName(transaction, `dataset-path:${path}`);
  const known = await transaction.dataset.findFirst({
    where: { path },
    orderBy: { id: 'desc' },
    select: { id: true, name: true },
  });
  if (known !== null) return known;
  const name = nameOf(path);
  const id = newId('ds');
  await transaction.dataset.create({ data: { id, name, path, workflowStarted: true } });
  return { id, name };
}

/** A folder's own name; for a dataset.json or task YAML, its folder's. */
export function nameOf(path: string): string {
  return /\.(json|ya?ml)$/i.test(path) ? basename(resolve(path, '..')) : basename(path);
}

/** A branch is of the same dataset, read alike; with its trials kept also split alike. Throws `invalid-request` at its field. */
async function checkBranch(transaction: Transaction, request: RunRequest, datasetId: string): Promise<void> {
  const { branch } = request;
  if (branch === undefined) return;
  const other = await transaction.run.findUnique({ where: { id: branch.run } });
  if (other === null) throw fieldError('/branch/run', `there is no run "${branch.run}"`);
  if (other.datasetId !== datasetId) {
    throw fieldError('/branch/run', `run "${other.name}" is of another dataset`, {
      fix: 'Branch with the dataset of the run that is branched off.',
    });
  }
  if (other.analysisId === null) {
    throw fieldError('/branch/run', `run "${other.name}" has no analysis to start from`, {
      fix: 'Leave "branch" out.',
    });
  }
  const before = fromJson('Run.request', RunRequestSchema, other.request);
  const fields =
    branch.keep === 'trials' ? (['modality', 'labels', 'folds', 'seed'] as const) : (['modality', 'labels'] as const);
  for (const field of fields) {
    if (JSON.stringify(request[field]) !== JSON.stringify(before[field])) {
      throw fieldError(`/${field}`, `is not that of run "${other.name}", whose ${branch.keep} would not fit`, {
        fix:
          branch.keep === 'trials'
            ? 'Give it as there, or keep the analysis alone.'
            : 'Give it as there, or leave "branch" out.',
      });
    }
  }
}
