import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, resolve } from 'node:path';
import {
  type Datalist,
  type Finding,
  type LabelDefinition,
  type LabelGroup,
  labelsOf,
} from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { z } from 'zod';
import { casesOfLists, DatalistItem } from './decathlon.ts';
import { writtenGroups } from './label-groups.ts';
import { modalityOf } from './modality.ts';

/** The keys of an Auto3DSeg task file that say where the data is; its many others belong to training. */
export const TaskFile = z.object({
  name: z.string().min(1).optional(),
  task: z.string().optional(),
  modality: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  datalist: z.string().min(1),
  dataroot: z.string().min(1),
  class_names: z
    .array(
      z.union([
        z.string(),
        z.looseObject({ name: z.string(), index: z.array(z.number().int().nonnegative()).optional() }),
      ]),
    )
    .optional(),
});

/** An Auto3DSeg datalist. */
export const DatalistFile = z.object({
  name: z.string().min(1).optional(),
  labels: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  training: z.array(DatalistItem),
  testing: z.array(DatalistItem).default([]),
  test: z.array(DatalistItem).default([]),
  validation: z.array(DatalistItem).default([]),
});

/** What a task file adds to a datalist. */
export interface TaskFacts {
  readonly name: string;
  readonly channelNames: readonly string[];
  readonly labels: LabelDefinition[];
  readonly labelGroups?: LabelGroup[];
}

/** Paths of a task file: absolute, or relative to the file's folder, or to the current one (as Auto3DSeg takes them). */
export function taskPath(taskFile: string, path: string): string {
  if (isAbsolute(path)) return path;
  const beside = resolve(dirname(taskFile), path);
  return existsSync(beside) ? beside : existsSync(resolve(path)) ? resolve(path) : beside;
}

/** Groups of labels by their `index`, where some overlap and all labels can be told apart by them (Auto3DSeg's sigmoid). */
function groupsOf({ class_names: entries = [] }: z.infer<typeof TaskFile>): LabelGroup[] | null {
  const groups = entries.flatMap((entry) =>
    typeof entry === 'string' || entry.index === undefined
      ? []
      : [{ name: entry.name, values: entry.index.filter((value) => value !== 0) }],
  );
  return groups.length === entries.length ? writtenGroups(groups) : null;
}

/** The facts of a task file. Class names are of the foreground, in order: 1, 2, ..., or of the one value that they give. */
export function factsOfTask(task: z.infer<typeof TaskFile>, file: string): TaskFacts {
  const named = (task.class_names ?? []).map((entry, position) => {
    if (typeof entry === 'string') return { value: position + 1, name: entry };
    return { value: entry.index?.length === 1 ? (entry.index[0] as number) : position + 1, name: entry.name };
  });
  const groups = groupsOf(task);
  if (groups !== null) {
    const labels = groups.map(({ name: group, writes }) => ({ value: writes, name: group }));
    return {
      name: task.name ?? basename(file).replace(/\.[^.]+$/, ''),
      channelNames: [task.modality].flat(),
      labels: [{ value: 0, name: 'background' }, ...labels.sort((a, b) => a.value - b.value)],
      labelGroups: groups,
    };
  }
  return {
    name: task.name ?? basename(file).replace(/\.[^.]+$/, ''),
    channelNames: [task.modality].flat(),
    labels: named.length === 0 ? [] : [{ value: 0, name: 'background' }, ...named.filter(({ value }) => value !== 0)],
  };
}

/**
 * Turns a parsed Auto3DSeg datalist into ours. Folds must be 0, 1, 2, ... without a gap; a `validation` list without
 * folds becomes one ready-made split.
 */
export function auto3dsegDatalist(file: z.infer<typeof DatalistFile>, root: string, task: TaskFacts): Datalist {
  const lists = { training: file.training, validation: file.validation, testing: [...file.testing, ...file.test] };
  const { training: given, validation, testing } = casesOfLists(lists, root);
  const known = new Set(given.map((one) => one.images.join('\n')));
  const training = [...given, ...validation.filter((one) => !known.has(one.images.join('\n')))];
  checkFolds(training);
  const hasFolds = training.some((one) => one.fold !== undefined);
  const conflicts = hasFolds ? [] : validation.filter((one) => known.has(one.images.join('\n'))).map(conflictOf);
  const declared = labelsOf(file.labels ?? {});
  return {
    schemaVersion: 1,
    name: file.name ?? task.name,
    root,
    layout: 'auto3dseg',
    modalities: task.channelNames.map(modalityOf),
    channelNames: [...task.channelNames],
    labels: declared.length > 0 ? declared : task.labels,
    ...(task.labelGroups === undefined ? {} : { labelGroups: task.labelGroups }),
    training,
    testing,
    ...(validation.length > 0 && !hasFolds ? { validationSplits: [validation.map((one) => one.caseId)] } : {}),
    ...(conflicts.length > 0 ? { findings: conflicts } : {}),
  };
}

/** Of a case that stands in `training` and in `validation`. */
function conflictOf({ caseId, images }: Datalist['training'][number]): Finding {
  return {
    case: caseId,
    file: images[0] ?? '',
    code: 'split-conflict',
    severity: 'error',
    message:
      'the datalist has it under training and under validation: its score would be that of a case it was trained on',
    fix: 'Keep it under one of the two.',
  };
}

function checkFolds(training: Datalist['training']): void {
  const folds = new Set(training.flatMap((one) => (one.fold === undefined ? [] : [one.fold])));
  const missing = Array.from({ length: folds.size }, (_, fold) => fold).filter((fold) => !folds.has(fold));
  if (missing.length === 0) return;
  throw new VoxhelmError(
    'invalid-request',
    `training: folds ${[...folds].sort((a, b) => a - b).join(', ')} leave out ${missing.join(', ')}`,
    { fix: 'Number the folds 0, 1, 2, ... without a gap, or leave all of them out.' },
  );
}

/** Reads a YAML task file. */
export async function readYaml(path: string): Promise<unknown> {
  const { parse } = await import('yaml');
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new VoxhelmError(
      'invalid-request',
      `${path} is no YAML: ${error instanceof Error ? error.message : String(error)}`,
      {
        fix: 'Correct the file.',
      },
    );
  }
}
