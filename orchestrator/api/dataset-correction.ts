import { copyFile, link, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { CorrectionCreate } from '@voxhelm/contracts/api-predictions';
import { LabelDefinition, Modality } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { UNLABELLED_FOLDER } from '@voxhelm/imaging/datasets/unlabelled';
import type { Database, Prisma } from '@voxhelm/prisma/client';
import { fromJson } from '@voxhelm/prisma/json';
import { z } from 'zod';
import { CHOICES_FILE, type ContentStore } from './content-store.ts';
import { fieldError, notFound } from './errors.ts';

/*
 * A dataset with one label map corrected, or one case more: a new dataset beside the old one, for runs were trained on the
 * old one as it was. It is laid out as a Decathlon dataset.json of the checked cases; files have second names, not copies.
 */

const analysed = { analysis: { include: { cases: { orderBy: { position: 'asc' } } } } } satisfies Prisma.DatasetInclude;
type CaseRow = NonNullable<Prisma.DatasetGetPayload<{ include: typeof analysed }>['analysis']>['cases'][number];

const Paths = z.array(z.string());

/** The new dataset's name, and what was changed in words. */
export interface Corrected {
  readonly name: string;
  readonly choice: string;
}

/**
 * Lays the corrected dataset out in a new folder. Throws `not-found` for a dataset, `conflict` for one that is not checked
 * yet, `invalid-request` for a new case without images or with another number of channels.
 */
export async function layOutCorrection(
  database: Database,
  content: ContentStore,
  datasetId: string,
  correction: CorrectionCreate,
  folder: string,
): Promise<Corrected> {
  const dataset = await database.dataset.findUnique({ where: { id: datasetId }, include: analysed });
  if (dataset === null) throw notFound('dataset', datasetId);
  const { analysis } = dataset;
  if (analysis === null) {
    throw new VoxhelmError('conflict', `dataset "${datasetId}" is not checked yet`, {
      fix: 'Wait for its check to end.',
    });
  }
  const known = analysis.cases.find(({ caseId }) => caseId === correction.caseId);
  checkImages(correction, known, analysis.cases);
  const place = placer(`${folder}.incoming`);
  const label = `labels/${correction.caseId}${extensionOf(correction.label.name)}`;
  const entries: { role: string; entry: Record<string, unknown> }[] = [];
  try {
    for (const one of analysis.cases.filter(({ valid }) => valid)) {
      const images = Paths.parse(one.images);
      const corrected = one.caseId === correction.caseId;
      if (one.role === 'unlabelled' && !corrected) {
        await place.all(one.caseId, namedAsTheyAre(images), UNLABELLED_FOLDER);
        continue;
      }
      entries.push({
        role: one.role,
        entry: {
          image: await place.all(one.caseId, namedAsTheyAre(images)),
          ...(corrected || one.label === null
            ? {}
            : { label: await place.one(one.label, `labels/${one.caseId}${extensionOf(one.label)}`) }),
          ...(corrected ? { label: await place.one(await content.path(correction.label), label) } : {}),
          ...(one.fold === null ? {} : { fold: one.fold }),
          ...(one.patient === null ? {} : { patient: one.patient }),
        },
      });
    }
    if (known === undefined) {
      const images = [];
      for (const image of correction.images ?? []) images.push({ path: await content.path(image), name: image.name });
      entries.push({
        role: 'training',
        entry: {
          image: await place.all(correction.caseId, images),
          label: await place.one(await content.path(correction.label), label),
        },
      });
    }
    const labels = fromJson('Analysis.labels', z.array(LabelDefinition), analysis.labels);
    const modalities = fromJson('Analysis.modalities', z.array(Modality), analysis.modalities);
    await writeFile(
      join(`${folder}.incoming`, 'dataset.json'),
      JSON.stringify({
        name: dataset.name,
        modality: Object.fromEntries(modalities.map((name, channel) => [String(channel), name])),
        labels: Object.fromEntries(labels.map(({ value, name }) => [String(value), name])),
        training: entries.filter(({ role }) => role !== 'testing').map(({ entry }) => entry),
        test: entries.filter(({ role }) => role === 'testing').map(({ entry }) => entry),
      }),
    );
    const choice = `${correction.caseId}: ${known === undefined ? 'added' : 'label corrected'} (from dataset ${datasetId})`;
    await writeFile(join(`${folder}.incoming`, CHOICES_FILE), `${choice}\n`);
    await rename(`${folder}.incoming`, folder);
    return {
      name: `${dataset.name}, ${correction.caseId} ${known === undefined ? 'added' : 'corrected'}`.slice(0, 200),
      choice,
    };
  } finally {
    await rm(`${folder}.incoming`, { recursive: true, force: true });
  }
}

function checkImages(
  { caseId, images }: CorrectionCreate,
  known: CaseRow | undefined,
  cases: readonly CaseRow[],
): void {
  if (known !== undefined) return;
  const channels = Paths.parse(cases[0]?.images ?? []).length;
  if (images === undefined) {
    throw fieldError('/images', `the dataset has no case "${caseId}", so its images are needed`, {
      fix: 'Name a case of the dataset, or send the images as well.',
    });
  }
  if (channels !== 0 && images.length !== channels) {
    throw fieldError('/images', `there are ${images.length} files; the dataset's cases have ${channels}`);
  }
}

/** A file and the name whose ending it keeps. */
interface Placed {
  readonly path: string;
  readonly name: string;
}

const namedAsTheyAre = (paths: readonly string[]): Placed[] => paths.map((path) => ({ path, name: path }));

function placer(root: string) {
  async function one(from: string, to: string): Promise<string> {
    const target = join(root, to);
    await mkdir(dirname(target), { recursive: true });
    await link(from, target).catch((error: NodeJS.ErrnoException) => {
      if (['EXDEV', 'EPERM', 'EMLINK', 'EACCES'].includes(error.code ?? '')) return copyFile(from, target);
      throw error;
    });
    return to;
  }
  async function all(caseId: string, files: readonly Placed[], folder = 'images'): Promise<string | string[]> {
    const placed: string[] = [];
    for (const [channel, { path, name }] of files.entries()) {
      const suffix = files.length === 1 ? '' : `_${String(channel).padStart(4, '0')}`;
      placed.push(await one(path, `${folder}/${caseId}${suffix}${extensionOf(name)}`));
    }
    return placed.length === 1 ? (placed[0] as string) : placed;
  }
  return { one, all };
}

const extensionOf = (path: string): string => (/\.nii$/i.test(basename(path)) ? '.nii' : '.nii.gz');
