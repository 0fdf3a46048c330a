import { basename } from 'node:path';
import type { ChangedRole } from '@voxhelm/contracts/api-labels';
import { type Datalist, type DatalistCase, type Finding, LabelDefinition, Modality } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { checkInThread } from '@voxhelm/imaging/datasets/case-threads';
import { readDatalist } from '@voxhelm/imaging/datasets/read-datalist';
import type { Database } from '@voxhelm/prisma/client';
import { fromJsonOrNull } from '@voxhelm/prisma/json';
import { z } from 'zod';

/*
 * Whether a dataset takes a label or a case: by its datalist, by the dataset check, and by what models are judged on.
 */

type CaseOutcome = Awaited<ReturnType<typeof checkInThread>>;

/** A dataset as far as its labels are checked against it. */
export interface KnownDataset {
  readonly id: string;
  readonly name: string;
  readonly datalist: Datalist;
  readonly analysisId: string | null;
  /** What a label may hold: as the user gave it, as the dataset declares it, or as the last check found it. */
  readonly labelValues: readonly number[];
  /** null where no check has told. */
  readonly channels: number | null;
}

/** The dataset as it lies on disk now, with what its last check told. */
export async function knownDataset(database: Database, datasetId: string): Promise<KnownDataset> {
  const { id, name, path, givenLabels, analysis } = await database.dataset.findUniqueOrThrow({
    where: { id: datasetId },
    include: { analysis: { select: { id: true, labels: true, modalities: true } } },
  });
  const datalist = await readDatalist(path);
  const given = fromJsonOrNull('Dataset.givenLabels', z.record(z.string(), z.string()), givenLabels);
  const found = fromJsonOrNull('Analysis.labels', z.array(LabelDefinition), analysis?.labels ?? null) ?? [];
  const declared = datalist.labels.length > 0 ? datalist.labels : found;
  const modalities = fromJsonOrNull('Analysis.modalities', z.array(Modality), analysis?.modalities ?? null) ?? [];
  return {
    ...{ id, name, datalist, analysisId: analysis?.id ?? null },
    labelValues: given === null ? declared.map(({ value }) => value) : [0, ...Object.keys(given).map(Number)],
    channels: modalities.length === 0 ? null : modalities.length,
  };
}

/**
 * Checks a case as it is to be, files as they were uploaded, as the dataset check does. Throws `bad-dataset` with the findings
 * for what the check calls an error, and for a label without foreground: nobody draws one to say nothing. `names`: how the
 * user calls each file, for the uploaded ones have no names of their own on this side.
 */
export async function checkFiles(
  { datalist, labelValues }: KnownDataset,
  one: DatalistCase,
  names: ReadonlyMap<string, string>,
): Promise<CaseOutcome> {
  const role = one.label === null ? 'unlabelled' : 'training';
  const outcome = await checkInThread({ role, case: one, labelValues, ignoreLabel: datalist.ignoreLabel });
  const refused = outcome.findings.filter(({ severity, code }) => severity === 'error' || code === 'label-empty');
  const [first] = refused;
  if (first === undefined) return outcome;
  const named = (text: string): string =>
    [...names].reduce((told, [path, name]) => told.replaceAll(path, basename(name)), text);
  const findings: Finding[] = refused.map((found) => ({
    ...found,
    severity: 'error',
    file: named(found.file),
    message: named(found.message),
  }));
  throw new VoxhelmError('bad-dataset', `${one.caseId} is refused: ${named(first.message)}`, {
    fix: first.fix,
    details: { findings },
  });
}

/** What the case is to its dataset; that it is a comparison case only the database knows. */
export async function roleOf(
  database: Database,
  datasetId: string,
  caseId: string,
  listed: Exclude<ChangedRole, 'comparison'>,
): Promise<ChangedRole> {
  const held = await database.comparisonCase.findUnique({ where: { datasetId_caseId: { datasetId, caseId } } });
  return held === null ? listed : 'comparison';
}

/**
 * Refuses to change what models are judged by: unless it is meant, and while a firing is going to compare models on it, for
 * champion and challenger must see the same label.
 */
export async function refuseUnlessMeant(
  database: Database,
  { id, name }: KnownDataset,
  caseId: string,
  role: Extract<ChangedRole, 'comparison' | 'testing'>,
  meant: boolean,
): Promise<void> {
  const what = role === 'comparison' ? 'a comparison case' : 'a test case';
  if (!meant) {
    throw new VoxhelmError('conflict', `${caseId} is ${what} of "${name}": models are judged by its label`, {
      fix: 'Say that it is meant: the box beside the button on the page, --held-out, or "heldOut": true.',
    });
  }
  const busy = await database.firing.findFirst({
    where: { schedule: { datasetId: id }, state: { in: ['retraining', 'comparing'] } },
    select: { id: true },
  });
  if (busy === null) return;
  throw new VoxhelmError('conflict', `${caseId} is ${what}, and firing ${busy.id} is going to compare models on it`, {
    fix: 'Wait for the firing to end.',
  });
}

/** Refuses a new case with other channels than the dataset's, or whose image the dataset has under another name. */
export async function refuseStrangeImage(
  database: Database,
  { name, analysisId, channels }: KnownDataset,
  caseId: string,
  outcome: CaseOutcome,
): Promise<void> {
  if (channels !== null && outcome.channels !== null && outcome.channels !== channels) {
    throw new VoxhelmError('bad-dataset', `${caseId} has ${outcome.channels} channels, the dataset ${channels}`, {
      fix: 'Give every case the same channels in the same order.',
    });
  }
  if (analysisId === null || outcome.voxelHash === null) return;
  const twin = await database.datasetCase.findFirst({
    where: { analysisId, voxelSha256: outcome.voxelHash },
    select: { caseId: true },
  });
  if (twin !== null) throw taken(caseId, `"${name}" has the same image as case ${twin.caseId}`);
}

/** The refusal of a case that is there already. */
export function taken(caseId: string, why: string): VoxhelmError {
  return new VoxhelmError('conflict', `${caseId} is not added: the dataset ${why}`, {
    fix: 'Give it a name of its own, or give the case that is there its label: voxhelm label.',
  });
}
