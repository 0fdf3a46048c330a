import type { Datalist } from '@voxhelm/contracts/dataset';
import { type DroppedFile, ROOT } from './node/files.ts';

/** A path of the check as the user knows it. */
export function shownPath(path: string): string {
  return path.startsWith(`${ROOT}/`) ? path.slice(ROOT.length + 1) : path;
}

/** The dataset without one case: its files, and its entry in whatever list names it. */
export async function dropCase(
  files: readonly DroppedFile[],
  datalist: Datalist,
  caseId: string,
): Promise<DroppedFile[]> {
  const cases = [...datalist.training, ...datalist.testing];
  const dropped = cases.find((each) => each.caseId === caseId);
  if (dropped === undefined) return [...files];
  const own = new Set([...dropped.images, ...(dropped.label === null ? [] : [dropped.label])].map(shownPath));
  // A duplicate names files that the case which stays needs as well.
  for (const other of cases) {
    if (other === dropped) continue;
    for (const path of [...other.images, other.label ?? '']) own.delete(shownPath(path));
  }
  const kept = files.filter(({ path }) => !own.has(path));
  return Promise.all(
    kept.map((file) => (/\.json$/i.test(file.path) ? withoutEntry(file, dropped.images.map(shownPath)) : file)),
  );
}

async function withoutEntry(file: DroppedFile, images: readonly string[]): Promise<DroppedFile> {
  const text = await file.file.text();
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return file;
  }
  if (typeof content !== 'object' || content === null) return file;
  const lists = Object.entries(content).map(([name, value]) => [
    name,
    Array.isArray(value) && ['training', 'test', 'testing', 'validation'].includes(name)
      ? value.filter((entry) => !names(entry, images))
      : value,
  ]);
  return { path: file.path, file: new Blob([JSON.stringify(Object.fromEntries(lists), null, 1)]) };
}

function names(entry: unknown, images: readonly string[]): boolean {
  const image: unknown = typeof entry === 'string' ? entry : (entry as { image?: unknown } | null)?.image;
  return [image].flat().some((path) => typeof path === 'string' && images.includes(path.replace(/^\.\//, '')));
}
