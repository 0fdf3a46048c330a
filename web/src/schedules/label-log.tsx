import { useQuery } from '@tanstack/react-query';
import type { LabelChangeView } from '@voxhelm/contracts/api-labels';
import { Link } from 'wouter';
import { get } from '../api/client.ts';
import { ErrorNote } from '../components/error-note.tsx';
import { moment } from '../format.ts';

/** Entries that are shown; `voxhelm label DATASET` and the API have all. */
const SHOWN = 20;
const LOOK_EVERY_MS = 5_000;

/** What was given to the dataset: cases and labels, newest first. */
export function LabelLog({ datasetId }: { readonly datasetId: string }) {
  const { data, error } = useQuery({
    queryKey: ['dataset', datasetId, 'labels'],
    queryFn: ({ signal }) =>
      get<{ items: LabelChangeView[] }>(`/v1/datasets/${datasetId}/labels?limit=${SHOWN}`, signal),
    refetchInterval: LOOK_EVERY_MS,
  });
  if (error !== null) return <ErrorNote error={error} />;
  if (data === undefined || data.items.length === 0) return null;
  return (
    <>
      <h2>Labels that came</h2>
      <div className="panel scroll" role="region" aria-label="Labels that came" tabIndex={0}>
        <table>
          <thead>
            <tr>
              {['When', 'Case', 'What', 'It was', 'Label', 'Before', 'Note'].map((name) => (
                <th scope="col" key={name}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {data.items.map((one) => (
              <tr key={one.id}>
                <td>{moment(one.at)}</td>
                <td>
                  <Link href={`/datasets/${datasetId}/cases/${encodeURIComponent(one.caseId)}`}>{one.caseId}</Link>
                </td>
                <td>{WORDS[one.kind]}</td>
                <td>{one.role}</td>
                <td>{short(one.sha256)}</td>
                <td>{short(one.previousSha256)}</td>
                <td>
                  <span className="wrap">{one.note ?? ''}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

const WORDS: Readonly<Record<LabelChangeView['kind'], string>> = {
  'case-added': 'case added',
  'label-added': 'label added',
  'label-corrected': 'label corrected',
};

/** The beginning of a hash, which tells two versions apart. */
function short(sha256: string | null) {
  return sha256 === null ? '–' : <code title={sha256}>{sha256.slice(0, 10)}</code>;
}
