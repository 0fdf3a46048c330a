import { readArchive } from './archive.ts';
import type { DroppedFile } from './node/files.ts';

/** What macOS and Windows leave in folders, and version control. */
const JUNK = /(^|\/)(\._|\.DS_Store$|__MACOSX\/|Thumbs\.db$|\.git\/)/;

/** The files of a drop: folders are walked, an archive is opened. Throws where the browser cannot read them. */
export async function filesOfDrop(transfer: DataTransfer): Promise<DroppedFile[]> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const walked = (await Promise.all(entries.map((entry) => walk(entry, '')))).flat();
  return open(walked);
}

/** The files of a file input (of a folder, or an archive). */
export function filesOfInput(list: FileList): Promise<DroppedFile[]> {
  return open([...list].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
}

async function open(files: readonly DroppedFile[]): Promise<DroppedFile[]> {
  const [only] = files;
  const found =
    files.length === 1 && only !== undefined && /\.(zip|tar|tar\.gz|tgz)$/i.test(only.path)
      ? await readArchive(only.path, only.file)
      : files;
  return withoutCommonFolder(found.filter(({ path }) => !JUNK.test(path)));
}

async function walk(entry: FileSystemEntry, parent: string): Promise<DroppedFile[]> {
  const path = parent === '' ? entry.name : `${parent}/${entry.name}`;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path, file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: DroppedFile[] = [];
  for (;;) {
    // A reader answers with at most 100 entries at once.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    found.push(...(await Promise.all(some.map((each) => walk(each, path)))).flat());
  }
}

/** Takes the folder away that holds everything: the dataset's root is what is in it. */
export function withoutCommonFolder(files: readonly DroppedFile[]): DroppedFile[] {
  let found = [...files];
  for (;;) {
    const first = found[0]?.path.split('/') ?? [];
    const [folder] = first;
    if (first.length < 2 || !found.every(({ path }) => path.startsWith(`${folder}/`))) return found;
    // "imagesTr" alone is no wrapper but the dataset's own.
    if (/^(images|labels)T[rs]$/.test(folder ?? '')) return found;
    found = found.map(({ path, file }) => ({ path: path.slice((folder?.length ?? 0) + 1), file }));
  }
}
