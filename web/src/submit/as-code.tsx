import type { RunRequestInput } from '@voxhelm/contracts/run';
import { stringify } from 'yaml';
import { CopyBlock } from '../components/copy-block.tsx';

/** The same request for the command line and for scripts. */
export function AsCode({ request }: { readonly request: RunRequestInput }) {
  const json = JSON.stringify(request, null, 2).replaceAll("'", "'\\''");
  const curl = `curl -X POST ${location.origin}/v1/runs \\\n  -H 'content-type: application/json' \\\n  -d '${json}'`;
  return (
    <details>
      <summary>The same request as RUN.yaml and curl</summary>
      <h3>RUN.yaml, for npx voxhelm submit RUN.yaml</h3>
      <CopyBlock label="RUN.yaml" text={stringify(request)} />
      <h3>curl</h3>
      <CopyBlock label="curl" text={curl} />
    </details>
  );
}
