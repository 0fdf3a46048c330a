import { lstat, readdir, rm, statfs } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { StorageView, StoredItem } from '@voxhelm/contracts/api-storage';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { Device } from '@voxhelm/contracts/plan';
import { FINAL_RUN_STATES } from '@voxhelm/contracts/run';
import type { Database } from '@voxhelm/prisma/client';
import { fromJson } from '@voxhelm/prisma/json';
import { notFound } from './errors.ts';
import type { Services } from './services.ts';

/** Bytes of all files below a path; 0 where there is none. */
export async function bytesBelow(path: string): Promise<number> {
  const found = await lstat(path).catch(() => null);
  if (found === null) return 0;
  if (!found.isDirectory()) return found.size;
  let bytes = 0;
  for (const name of await readdir(path)) bytes += await bytesBelow(join(path, name));
  return bytes;
}

type Where = Pick<Services, 'database' | 'settings'>;

/** A run's files: everything that it left in the artifact store, which is a folder (storage/artifact-store.ts). */
const runFolder = (settings: Where['settings'], id: string): string =>
  join(settings.artifacts.replace(/^file:\/\//, ''), 'runs', id);

/** True where Voxhelm itself unpacked the dataset, so that it may delete it; a folder of the user's stays. */
const isOwn = (settings: Where['settings'], path: string): boolean =>
  path.startsWith(`${join(settings.home, 'datasets')}${sep}`);

/** What takes room, the largest first. */
export async function storageView({ database, settings }: Where): Promise<StorageView> {
  const [runs, datasets, analyses] = await Promise.all([
    database.run.findMany({
      select: { id: true, name: true, state: true, createdAt: true, _count: { select: { promotions: true } } },
    }),
    database.dataset.findMany({
      select: { id: true, name: true, path: true, state: true, createdAt: true, _count: { select: { runs: true } } },
    }),
    database.analysis.findMany({ select: { device: true }, orderBy: { createdAt: 'desc' }, take: 50 }),
  ]);
  const items: StoredItem[] = [];
  for (const { id, name, state, createdAt, _count } of runs) {
    const over = (FINAL_RUN_STATES as readonly string[]).includes(state);
    const branch = over ? (await branchesOf(database, id))[0] : undefined;
    const kept = _count.promotions > 0;
    items.push({
      id,
      name,
      kind: 'run',
      state,
      bytes: await bytesBelow(runFolder(settings, id)),
      createdAt: createdAt.toISOString(),
      mayDelete: over && branch === undefined && !kept,
      reason: !over
        ? 'It goes on: cancel it first.'
        : kept
          ? 'It is or was a champion: a rollback must find its model.'
          : branch === undefined
            ? 'It is over; with it go its checkpoints, predictions and bundle.'
            : `Run “${branch.name}” goes on from it, and would have to go first.`,
    });
  }
  for (const { id, name, path, state, createdAt, _count } of datasets) {
    const own = isOwn(settings, path);
    items.push({
      id,
      name,
      kind: 'dataset',
      state,
      bytes: own ? await bytesBelow(path) : 0,
      createdAt: createdAt.toISOString(),
      mayDelete: own && _count.runs === 0,
      reason: !own
        ? `It lies in your own folder ${path}, which Voxhelm never deletes.`
        : _count.runs > 0
          ? `Trained on by ${_count.runs} ${_count.runs === 1 ? 'run' : 'runs'}, which would have to go first.`
          : 'No run uses it.',
    });
  }
  const folder = settings.artifacts.replace(/^file:\/\//, '');
  const disk = await statfs(folder).catch(() => null);
  const devices = new Map(
    analyses.map(({ device }) => [JSON.stringify(device), fromJson('Analysis.device', Device, device)]),
  );
  return {
    artifacts: {
      path: folder,
      usedBytes: items.reduce((sum, { bytes }) => sum + bytes, 0),
      freeBytes: disk === null ? 0 : disk.bavail * disk.bsize,
    },
    items: items.sort((a, b) => b.bytes - a.bytes),
    devices: [...devices.values()],
  };
}

/** Deletes a run that is over, files and rows. Throws `not-found`, `conflict`. */
export async function deleteRun({ database, settings }: Where, id: string): Promise<void> {
  const run = await database.run.findUnique({ where: { id }, select: { state: true } });
  if (run === null) throw notFound('run', id);
  if (!(FINAL_RUN_STATES as readonly string[]).includes(run.state)) {
    throw new VoxhelmError('conflict', `run "${id}" is ${run.state}, so it cannot be deleted`, {
      fix: 'Cancel it first.',
    });
  }
  const [branch] = await branchesOf(database, id);
  if (branch !== undefined) {
    throw new VoxhelmError('conflict', `run "${branch.name}" goes on from run "${id}", so it cannot be deleted`, {
      fix: `Delete "${branch.name}" first.`,
    });
  }
  if ((await database.promotion.count({ where: { runId: id } })) > 0) {
    throw new VoxhelmError('conflict', `run "${id}" is or was a champion, so it cannot be deleted`, {
      fix: 'The audit log keeps every champion, so that a rollback finds its model.',
    });
  }
  await deleteRows(database, id);
  await rm(runFolder(settings, id), { recursive: true, force: true });
}

/** Runs that branched off this one, and so use its files. */
function branchesOf(database: Database, id: string): Promise<{ name: string }[]> {
  return database.run.findMany({
    where: { request: { path: ['branch', 'run'], equals: id } },
    select: { name: true },
    take: 1,
  });
}

async function deleteRows(database: Database, id: string): Promise<void> {
  await database.run.delete({ where: { id } });
}

/** Deletes a dataset that was uploaded and that no run uses. Throws `not-found`, `conflict`. */
export async function deleteDataset({ database, settings }: Where, id: string): Promise<void> {
  const dataset = await database.dataset.findUnique({
    where: { id },
    select: { path: true, _count: { select: { runs: true, schedules: { where: { deletedAt: null } } } } },
  });
  if (dataset === null) throw notFound('dataset', id);
  if (dataset._count.schedules > 0) {
    throw new VoxhelmError('conflict', `a schedule watches dataset "${id}"`, { fix: 'Delete the schedule first.' });
  }
  if (dataset._count.runs > 0) {
    throw new VoxhelmError('conflict', `${dataset._count.runs} runs were trained on dataset "${id}"`, {
      fix: 'Delete them first.',
    });
  }
  await database.dataset.update({ where: { id }, data: { analysisId: null } });
  await database.dataset.delete({ where: { id } });
  if (isOwn(settings, dataset.path)) {
    const below = dataset.path.slice(join(settings.home, 'datasets').length + 1).split(sep)[0] ?? '';
    if (below !== '') await rm(join(settings.home, 'datasets', below), { recursive: true, force: true });
  }
}
