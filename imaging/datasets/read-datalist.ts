import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Datalist } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { z } from 'zod';
import { auto3dsegDatalist, DatalistFile, factsOfTask, readYaml, TaskFile, taskPath } from './auto3dseg.ts';
import { DecathlonFile, decathlonDatalist } from './decathlon.ts';
import { folderDatalist } from './folder.ts';
import { NnunetFile, nnunetDatalist } from './nnunet.ts';
import { withUnlabelled } from './unlabelled.ts';

const ACCEPTED =
  'Give a Decathlon dataset.json, an nnU-Net v2 raw folder, an Auto3DSeg task YAML or datalist JSON, or a folder with imagesTr and labelsTr.';

/**
 * Reads a dataset's list of cases, of whichever of the four layouts: `path` is the folder or its JSON or YAML file. Images in
 * `imagesUn` beside them are its unlabelled cases.
 * No voxel is read and no file of a case need exist; throws `invalid-request` naming what is missing or wrong.
 */
export async function readDatalist(path: string): Promise<Datalist> {
  return withUnlabelled(await readLayout(path));
}

async function readLayout(path: string): Promise<Datalist> {
  const absolute = resolve(path);
  if (!existsSync(absolute)) throw new VoxhelmError('invalid-request', `${absolute} does not exist`, { fix: ACCEPTED });
  if (statSync(absolute).isDirectory()) return readFolder(absolute);
  if (/\.ya?ml$/i.test(absolute)) return readTask(absolute, await readYaml(absolute));
  if (/\.json$/i.test(absolute)) return readJson(absolute);
  throw new VoxhelmError('invalid-request', `${absolute} is neither a folder nor a JSON or YAML file`, {
    fix: ACCEPTED,
  });
}

async function readFolder(folder: string): Promise<Datalist> {
  const datasetFile = join(folder, 'dataset.json');
  if (existsSync(datasetFile)) return readJson(datasetFile);
  const names = readdirSync(folder).filter((name) => !name.startsWith('.'));
  const tasks = [];
  for (const name of names.filter((one) => /\.ya?ml$/i.test(one))) {
    const content = await readYaml(join(folder, name));
    if (isObject(content) && 'datalist' in content) tasks.push({ file: join(folder, name), content });
  }
  const lists = names.filter((name) => /\.json$/i.test(name) && isDatalist(join(folder, name)));
  const [task] = tasks;
  if (tasks.length === 1 && task !== undefined) return readTask(task.file, task.content);
  if (tasks.length > 1 || (lists.length > 1 && tasks.length === 0)) {
    const candidates = tasks.length > 1 ? tasks.map((one) => basename(one.file)) : lists;
    throw new VoxhelmError('invalid-request', `${folder} holds several datalists: ${candidates.join(', ')}`, {
      fix: 'Name the file that is meant.',
    });
  }
  if (lists[0] !== undefined) return readJson(join(folder, lists[0]));
  if (existsSync(join(folder, 'imagesTr'))) return folderDatalist(folder);
  throw new VoxhelmError('invalid-request', `${folder} holds no dataset.json, no datalist and no imagesTr`, {
    fix: ACCEPTED,
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDatalist(path: string): boolean {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isObject(content) && Array.isArray(content['training']);
  } catch {
    return false; // Some other file that happens to end in .json.
  }
}

function readJson(path: string): Datalist {
  const content = parseJson(path);
  const root = dirname(path);
  if (!isObject(content)) throw new VoxhelmError('invalid-request', `${path} holds no object`, { fix: ACCEPTED });
  if ('channel_names' in content || 'file_ending' in content)
    return nnunetDatalist(check(NnunetFile, content, path), root);
  if ('modality' in content || 'tensorImageSize' in content || basename(path) === 'dataset.json') {
    return decathlonDatalist(check(DecathlonFile, content, path), root, basename(root));
  }
  const name = basename(path).replace(/\.json$/i, '');
  return auto3dsegDatalist(check(DatalistFile, content, path), root, { name, channelNames: [], labels: [] });
}

function readTask(file: string, content: unknown): Datalist {
  const task = check(TaskFile, content, file);
  const root = taskPath(file, task.dataroot);
  if (!existsSync(root)) {
    throw new VoxhelmError('invalid-request', `${file}: dataroot: ${root} does not exist`, {
      fix: 'Correct dataroot.',
    });
  }
  const list = taskPath(file, task.datalist);
  if (!existsSync(list)) {
    throw new VoxhelmError('invalid-request', `${file}: datalist: ${list} does not exist`, {
      fix: 'Correct datalist.',
    });
  }
  return auto3dsegDatalist(check(DatalistFile, parseJson(list), list), root, factsOfTask(task, file));
}

function parseJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new VoxhelmError(
      'invalid-request',
      `${path} is no JSON: ${error instanceof Error ? error.message : String(error)}`,
      {
        fix: 'Correct the file.',
      },
    );
  }
}

function check<S extends z.ZodType>(schema: S, content: unknown, path: string): z.infer<S> {
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new VoxhelmError('invalid-request', `${path} does not fit:\n${z.prettifyError(parsed.error)}`, {
    fix: 'Correct the fields named above.',
    details: { fields: parsed.error.issues.map((issue) => issue.path.join('.')) },
  });
}
