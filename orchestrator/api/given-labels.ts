import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CaseAdd, ChangedRole, LabelGive, LabelGiven } from '@voxhelm/contracts/api-labels';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { findCase, labelPathOf, placesOfNewCase } from '@voxhelm/imaging/datasets/unlabelled';
import type { Database } from '@voxhelm/prisma/client';
import type { LabelChange } from '@voxhelm/prisma/generated/client';
import { newId } from '@voxhelm/prisma/ids';
import type { ContentStore } from './content-store.ts';
import { fieldError } from './errors.ts';
import { checkFiles, knownDataset, refuseStrangeImage, refuseUnlessMeant, roleOf, taken } from './label-check.ts';
import { labelFiles, readIfThere } from './label-files.ts';
import { changeLabel, labelChangeView } from './label-log.ts';

/*
 * Labels and cases that go into a dataset itself, so that the schedules which watch it learn of them: checked as the dataset
 * check does, the earlier label kept, each change in the audit log.
 */

/** What giving labels works with. */
export interface GivingContext {
  readonly database: Database;
  readonly content: ContentStore;
}

/**
 * Gives a case of the dataset a label. Throws `not-found` for a case, `bad-dataset` with the findings for a label that the
 * check refuses, `conflict` for a comparison or test case without `heldOut`, or where the dataset has no place for it.
 */
export async function giveLabel(
  context: GivingContext,
  datasetId: string,
  caseId: string,
  { label, heldOut, note }: LabelGive,
): Promise<LabelGiven> {
  const known = await knownDataset(context.database, datasetId);
  const { datalist } = known;
  const listed = findCase(datalist, caseId);
  if (listed === null) {
    throw new VoxhelmError('not-found', `dataset "${known.name}" has no case "${caseId}"`, {
      fix: 'Give the id of a case, its file name without the ending; or add it with its image: voxhelm dataset add.',
    });
  }
  const { database, content } = context;
  const role = await roleOf(database, datasetId, caseId, listed.role);
  if (role === 'comparison' || role === 'testing') await refuseUnlessMeant(database, known, caseId, role, heldOut);
  const path = labelPathOf(datalist.root, listed.role, listed.found);
  if (path === null) throw noPlace(caseId, listed.role);
  const given = await content.path(label);
  await checkFiles(known, { ...listed.found, label: given }, new Map([[given, label.name]]));
  const change = await changeLabel(database, labelFiles(datalist.root), {
    ...{ datasetId, caseId, role, path, note: note ?? null },
    bytes: await readFile(given),
    kind: (before) => (before === null ? 'label-added' : 'label-corrected'),
  });
  await content.release(label.sha256);
  return { caseId, message: saidOf(caseId, role, change), change: change && labelChangeView(change) };
}

/**
 * Adds a case to the dataset: its images, and its label where it has one. The same case again adds nothing, or the label
 * alone. Throws `conflict` where another case has its id or its image, `bad-dataset` with the findings of its files.
 */
export async function addCase(context: GivingContext, datasetId: string, given: CaseAdd): Promise<LabelGiven> {
  const { database, content } = context;
  const { caseId, images, label, note } = given;
  const known = await knownDataset(database, datasetId);
  const { datalist } = known;
  const places = placesOfNewCase(
    datalist,
    caseId,
    images.map(({ name }) => name),
  );
  if (places === null) {
    throw fieldError('/images', `there are ${images.length} files; the dataset's cases have one each`, {
      fix: 'Join the channels in one 4-D file.',
    });
  }
  const paths = await Promise.all(images.map((file) => content.path(file)));
  const listed = findCase(datalist, caseId);
  if (listed !== null) {
    if (!(await sameFiles(listed.found.images, paths)))
      throw taken(caseId, `has a case "${caseId}" with another image`);
    if (label !== undefined) return giveLabel(context, datasetId, caseId, { label, heldOut: false, note });
    return { caseId, message: `${caseId} is there already.`, change: null };
  }
  const labelPath = label === undefined ? null : await content.path(label);
  const names = new Map(paths.map((path, i) => [path, images[i]?.name ?? '']));
  if (label !== undefined && labelPath !== null) names.set(labelPath, label.name);
  const outcome = await checkFiles(known, { caseId, images: paths, label: labelPath }, names);
  await refuseStrangeImage(database, known, caseId, outcome);
  const files = labelFiles(datalist.root);
  for (const [i, place] of places.images.entries()) await files.write(place, await readFile(paths[i] as string));
  const role = label === undefined ? 'unlabelled' : 'training';
  const row = { datasetId, caseId, role, note: note ?? null } as const;
  const change =
    labelPath === null
      ? await database.labelChange.create({ data: { id: newId('lab'), kind: 'case-added', by: 'command', ...row } })
      : await changeLabel(database, files, {
          ...row,
          path: join(datalist.root, places.label),
          bytes: await readFile(labelPath),
          kind: () => 'case-added',
        });
  for (const { sha256 } of [...images, ...(label === undefined ? [] : [label])]) await content.release(sha256);
  return { caseId, message: saidOf(caseId, role, change), change: change && labelChangeView(change) };
}

function noPlace(caseId: string, role: string): VoxhelmError {
  return role === 'unlabelled'
    ? new VoxhelmError('conflict', `${caseId} shares its name with another case, and so would their labels`, {
        fix: 'Rename its image in imagesUn.',
      })
    : new VoxhelmError('conflict', `the dataset's list names no label for ${caseId}`, {
        fix: 'Name a file for its label in the list (dataset.json), then give the label again.',
      });
}

function saidOf(caseId: string, role: ChangedRole, change: LabelChange | null): string {
  if (change === null) return `${caseId} has this label already.`;
  if (change.sha256 === null) return `${caseId} is added and waits for its label.`;
  if (role === 'comparison' || role === 'testing')
    return `${caseId} has its new label; models are judged by it from now on.`;
  const kept = change.previousSha256 === null ? '' : '; the earlier label is kept';
  return `${caseId} ${change.kind === 'label-corrected' ? 'has its corrected label' : 'is a training case'} from the next look on${kept}.`;
}

/** True where the images that are there are the given ones, byte by byte. */
async function sameFiles(here: readonly string[], given: readonly string[]): Promise<boolean> {
  if (here.length !== given.length) return false;
  for (const [i, path] of here.entries()) {
    const [present, sent] = await Promise.all([readIfThere(path), readFile(given[i] as string)]);
    if (present === null || !present.equals(sent)) return false;
  }
  return true;
}
