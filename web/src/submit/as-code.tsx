import type { RunRequestInput } from '@voxhelm/contracts/run';
import { stringify } from 'yaml';
import { readKey } from '../api/key.ts';
import { CopyBlock } from '../components/copy-block.tsx';

/** The same request for the command line and for scripts. */
export function AsCode({ request, dropped }: { readonly request: RunRequestInput; readonly dropped: boolean }) {
  const json = JSON.stringify(request, null, 2).replaceAll("'", "'\\''");
  const key = readKey() === null ? '' : ` \\\n  -H "authorization: Bearer $VOXHELM_API_KEY"`;
  const curl = `curl -X POST ${location.origin}/v1/runs${key} \\\n  -H 'content-type: application/json' \\\n  -d '${json}'`;
  return (
    <details>
      <summary>The same request as RUN.yaml and curl</summary>
      {dropped && (
        <p className="muted">
          The dropped dataset goes by the name that the upload registers; a script gives a path on the server instead.
        </p>
      )}
      <h3>RUN.yaml, for npx voxhelm submit RUN.yaml</h3>
      <CopyBlock label="RUN.yaml" text={stringify(request)} />
      <h3>curl</h3>
      <CopyBlock label="curl" text={curl} />
    </details>
  );
}
