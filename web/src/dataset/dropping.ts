import { readArchive } from './archive.ts';
import type { DroppedFile } from './node/files.ts';

/** What macOS and Windows leave in folders, and version control. */
const JUNK = /(^|\/)(\._|\.DS_Store$|__MACOSX\/|Thumbs\.db$|\.git\/)/;

/** A dataset that was dropped or chosen. */
export interface DroppedDataset {
  readonly files: readonly DroppedFile[];
  /** The folder's name, else the archive's; null where loose files were dropped. */
  readonly name: string | null;
}

/** The files of a drop: folders are walked, an archive is opened. Throws where the browser cannot read them. */
export async function filesOfDrop(transfer: DataTransfer): Promise<DroppedDataset> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const walked = (await Promise.all(entries.map((entry) => walk(entry, '')))).flat();
  return open(walked);
}

/** The files of a file input (of a folder, or an archive). */
export function filesOfInput(list: FileList): Promise<DroppedDataset> {
  return open([...list].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
}

const ARCHIVE = /\.(zip|tar|tar\.gz|tgz)$/i;

async function open(files: readonly DroppedFile[]): Promise<DroppedDataset> {
  const [only] = files;
  const archive = files.length === 1 && only !== undefined && ARCHIVE.test(only.path) ? only : null;
  const found = archive === null ? files : await readArchive(archive.path, archive.file);
  const { files: inside, folder } = withoutCommonFolder(found.filter(({ path }) => !JUNK.test(path)));
  const archiveName = archive?.path.split('/').at(-1)?.replace(ARCHIVE, '') ?? null;
  return { files: inside, name: folder ?? archiveName };
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

/** Takes the folder away that holds everything: the dataset's root is what is in it. `folder`: the innermost such folder. */
export function withoutCommonFolder(files: readonly DroppedFile[]): { files: DroppedFile[]; folder: string | null } {
  let found = [...files];
  let last: string | null = null;
  for (;;) {
    const first = found[0]?.path.split('/') ?? [];
    const [folder] = first;
    if (first.length < 2 || !found.every(({ path }) => path.startsWith(`${folder}/`)))
      return { files: found, folder: last };
    // "imagesTr" alone is no wrapper but the dataset's own.
    if (/^(images|labels)T[rs]$/.test(folder ?? '')) return { files: found, folder: last };
    last = folder ?? null;
    found = found.map(({ path, file }) => ({ path: path.slice((folder?.length ?? 0) + 1), file }));
  }
}
