import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { SuggestionView } from '@voxhelm/contracts/api-schedules';
import { Link } from 'wouter';
import { get, send } from '../api/client.ts';
import { ApiError } from '../api/problem.ts';
import { ConfirmButton } from '../components/confirm-button.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { NumberTable } from '../components/number-table.tsx';
import { number } from '../format.ts';
import { GiveLabel } from './give-label.tsx';

/** Rows that are shown; a list to label from is short. */
const SHOWN = 20;

/** Which unlabelled cases to label next, each with its way into the viewer and the place to give its label. */
export function Suggestions({ datasetId, asked }: { readonly datasetId: string; readonly asked: boolean }) {
  const queries = useQueryClient();
  const key = ['dataset', datasetId, 'suggestions'];
  const { data, error } = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => latest(datasetId, signal),
    refetchInterval: ({ state }) => (state.data?.state === 'working' ? 1_500 : false),
  });
  const ask = () =>
    send<SuggestionView>('POST', `/v1/datasets/${datasetId}/suggestions`).then((made) =>
      queries.setQueryData(key, made),
    );
  return (
    <>
      <div className="page-head">
        <h2>Label these next</h2>
        <ConfirmButton label="Ask the champion" action={ask} disabled={!asked || data?.state === 'working'} />
      </div>
      {error !== null && <ErrorNote error={error} />}
      <p className={data?.state === 'failed' ? 'note bad' : 'muted'} role="status">
        {data?.message ??
          'Put images without labels into the dataset’s folder imagesUn; the champion tells which of them would teach it most.'}
      </p>
      {data != null && data.cases.length > 0 && <Cases datasetId={datasetId} view={data} />}
    </>
  );
}

/** Null where nobody asked yet. */
async function latest(datasetId: string, signal: AbortSignal): Promise<SuggestionView | null> {
  try {
    return await get<SuggestionView>(`/v1/datasets/${datasetId}/suggestions/latest`, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

function Cases({ datasetId, view }: { readonly datasetId: string; readonly view: SuggestionView }) {
  return (
    <NumberTable
      framed
      name="Suggestions"
      columns={[
        { title: 'Order', numeric: true },
        { title: 'Case' },
        ...['Uncertainty', 'Disagreement', 'Novelty'].map((title) => ({ title, numeric: true })),
        { title: 'Its label' },
      ]}
      rows={view.cases.slice(0, SHOWN).map((one, index) => ({
        key: one.caseId,
        cells: [
          index + 1,
          <Link key="case" href={`/datasets/${datasetId}/cases/${encodeURIComponent(one.caseId)}`}>
            {one.caseId}
          </Link>,
          number(one.uncertainty),
          number(one.disagreement),
          number(one.novelty),
          <GiveLabel key="label" datasetId={datasetId} caseId={one.caseId} />,
        ],
      }))}
    />
  );
}
