import { useQuery } from '@tanstack/react-query';
import type { LabelChangeView } from '@voxhelm/contracts/api-labels';
import { Link } from 'wouter';
import { get } from '../api/client.ts';
import { ErrorNote } from '../components/error-note.tsx';
import { NumberTable } from '../components/number-table.tsx';
import { exactMoment } from '../format.ts';

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
      <NumberTable
        framed
        cards
        name="Labels that came"
        columns={['When', 'Case', 'What', 'It was', 'Label', 'Before', 'Note'].map((title) => ({ title }))}
        rows={data.items.map((one) => ({
          key: one.id,
          cells: [
            exactMoment(one.at),
            <Link key="case" href={`/datasets/${datasetId}/cases/${encodeURIComponent(one.caseId)}`}>
              {one.caseId}
            </Link>,
            WORDS[one.kind],
            one.role,
            short(one.sha256),
            short(one.previousSha256),
            <span key="note" className="wrap">
              {one.note ?? ''}
            </span>,
          ],
        }))}
      />
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
