import { ProgressBar } from '../components/progress-bar.tsx';
import type { Uploading } from '../dataset/upload.ts';
import { bytes } from '../format.ts';

/** Each file's way to the server. */
export function UploadProgress({ uploading }: { readonly uploading: Uploading }) {
  const { files, known } = uploading;
  const sent = files.reduce((sum, file) => sum + file.sent, 0);
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  return (
    <section aria-label="Upload" className="note">
      <p role="status">
        {files.length === 0
          ? 'The server has every file already.'
          : `Sending ${files.length} files, ${bytes(sent)} of ${bytes(total)}.`}
        {known > 0 && files.length > 0 && ` ${known} are there already.`} A broken connection goes on where it stopped.
      </p>
      <ul className="plain scroll short" aria-label="Files" tabIndex={0}>
        {files.map((file) => (
          <li key={file.path} className="row">
            <ProgressBar value={file.bytes === 0 ? 1 : file.sent / file.bytes} label={file.path} />{' '}
            <code>{file.path}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}
