import { useRef, useState } from 'react';
import { ErrorNote } from '../components/error-note.tsx';
import { useDropArea } from '../components/use-drop-area.ts';
import { type DroppedDataset, filesOfDrop, filesOfInput } from '../dataset/dropping.ts';

/** Takes a folder or an archive, dropped or chosen. */
export function DropZone({ onDataset }: { readonly onDataset: (dropped: DroppedDataset) => void }) {
  const folder = useRef<HTMLInputElement>(null);
  const archive = useRef<HTMLInputElement>(null);
  const [failed, setFailed] = useState<unknown>(null);
  const take = (dropping: Promise<DroppedDataset>): void => {
    setFailed(null);
    dropping.then(
      (found) => (found.files.length === 0 ? setFailed(new Error('There is no file in it.')) : onDataset(found)),
      setFailed,
    );
  };
  const area = useDropArea((dropped) => take(filesOfDrop(dropped)));
  return (
    <section {...area} aria-label="Drop a dataset">
      <p>
        <strong>Drop a dataset's folder or archive here.</strong>
      </p>
      <p className="muted">
        Decathlon, nnU-Net, Auto3DSeg or imagesTr and labelsTr; .zip or .tar.gz. It is checked here first; nothing is
        sent before you say so.
      </p>
      <div className="actions">
        <button type="button" onClick={() => folder.current?.click()}>
          Choose a folder
        </button>
        <button type="button" onClick={() => archive.current?.click()}>
          Choose an archive
        </button>
      </div>
      <input
        ref={(element) => {
          folder.current = element;
          // React knows no such attribute.
          element?.setAttribute('webkitdirectory', '');
        }}
        type="file"
        hidden
        aria-label="Folder of the dataset"
        data-testid="folder"
        onChange={(event) => event.target.files !== null && take(filesOfInput(event.target.files))}
      />
      <input
        ref={archive}
        type="file"
        hidden
        accept=".zip,.tar,.tar.gz,.tgz,.gz"
        aria-label="Archive of the dataset"
        data-testid="archive"
        onChange={(event) => event.target.files !== null && take(filesOfInput(event.target.files))}
      />
      {failed !== null && <ErrorNote error={failed} />}
    </section>
  );
}
