import { existsSync, realpathSync } from 'node:fs';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { DatalistCase } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';

/** File name endings of images that can be read. */
const ENDINGS = ['.nii.gz', '.nii'] as const;

/**
 * The absolute path of a datalist's entry. Throws `invalid-request`, naming the entry, where it leads out of the
 * dataset's root, by `..`, by an absolute path or through a symbolic link. A missing file is no fault here: the check tells.
 */
export function pathInside(root: string, entry: string, where: string): string {
  const path = resolve(root, entry);
  if (!contains(root, path)) throw outside(root, entry, where);
  if (existsSync(path) && !contains(realpathSync.native(root), realpathSync.native(path)))
    throw outside(root, entry, where);
  return path;
}

/** A file's name without folder and image ending. */
export function stemOf(path: string): string {
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf(sep)) + 1);
  const ending = ENDINGS.find((one) => name.toLowerCase().endsWith(one));
  return ending === undefined ? name : name.slice(0, -ending.length);
}

/** A file's image ending as it is read: `.nii` or `.nii.gz`, which any other name gets. */
export function endingOf(path: string): '.nii' | '.nii.gz' {
  return path.toLowerCase().endsWith('.nii') ? '.nii' : '.nii.gz';
}

/** True for names of NIfTI files, except hidden ones (macOS leaves `._case.nii.gz` beside each file). */
export function isImageName(name: string): boolean {
  return !name.startsWith('.') && ENDINGS.some((ending) => name.toLowerCase().endsWith(ending));
}

/**
 * Case ids from paths: the file's name; where several different files bear one name (`case1/image.nii.gz`), the path
 * below the root with underscores. Entries that name the same file keep the same id, which the check reports.
 */
export function caseIds(root: string, paths: readonly string[], stem: (path: string) => string = stemOf): string[] {
  const pathsOfStem = new Map<string, Set<string>>();
  for (const path of paths) {
    const known = pathsOfStem.get(stem(path)) ?? new Set<string>();
    pathsOfStem.set(stem(path), known.add(path));
  }
  return paths.map((path) => {
    if ((pathsOfStem.get(stem(path))?.size ?? 0) < 2) return stem(path);
    const folder = relative(root, join(path, '..')).split(sep).filter(Boolean);
    return [...folder, stem(path)].join('_');
  });
}

/**
 * Test cases of folders beside the training cases: one that bears a training case's name but is another file gets its
 * folder before its name (`imagesTs_case1`), for imagesTr and imagesTs may each count from 1.
 */
export function apartFromTraining(
  root: string,
  training: readonly DatalistCase[],
  testing: readonly DatalistCase[],
): DatalistCase[] {
  const images = new Map(training.map((one) => [one.caseId, one.images.join('\n')]));
  return testing.map((one) => {
    const [first] = one.images;
    const known = images.get(one.caseId);
    if (first === undefined || known === undefined || known === one.images.join('\n')) return one;
    return { ...one, caseId: [...relative(root, join(first, '..')).split(sep), one.caseId].join('_') };
  });
}

function contains(root: string, path: string): boolean {
  const below = relative(root, path);
  return below === '' || (!isAbsolute(below) && below !== '..' && !below.startsWith(`..${sep}`));
}

function outside(root: string, entry: string, where: string): VoxhelmError {
  return new VoxhelmError('invalid-request', `${where}: ${entry} lies outside the dataset's folder ${root}`, {
    fix: 'Put the file inside the dataset folder, or name the folder above both as dataroot.',
    details: { entry, root },
  });
}
