import { useQueryClient } from '@tanstack/react-query';
import type { LabelGiven } from '@voxhelm/contracts/api-labels';
import type { SuggestionView } from '@voxhelm/contracts/api-schedules';
import { MEASURES } from '@voxhelm/contracts/words';
import { useState } from 'react';
import { Link } from 'wouter';
import { send } from '../api/client.ts';
import { ConfirmButton } from '../components/confirm-button.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { NumberTable } from '../components/number-table.tsx';
import { dice } from '../format.ts';
import { GiveLabel } from './give-label.tsx';
import { suggestionKey, useSuggestion } from './use-suggestion.ts';

/** Rows that are shown; a list to label from is short. */
const SHOWN = 20;

/** Which unlabelled cases to label next, each with its way into the viewer and the place to give its label. */
export function Suggestions({ datasetId, asked }: { readonly datasetId: string; readonly asked: boolean }) {
  const queries = useQueryClient();
  const { data, error } = useSuggestion(datasetId);
  const [given, setGiven] = useState<readonly LabelGiven[]>([]);
  const ask = () =>
    send<SuggestionView>('POST', `/v1/datasets/${datasetId}/suggestions`).then((made) =>
      queries.setQueryData(suggestionKey(datasetId), made),
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
      {given.map(({ caseId, message }) => (
        <p key={caseId} className="note" role="status">
          {message}
        </p>
      ))}
      {data != null && data.cases.length > 0 && (
        <Cases datasetId={datasetId} view={data} given={(label) => setGiven((before) => [...before, label])} />
      )}
    </>
  );
}

interface CasesProps {
  readonly datasetId: string;
  readonly view: SuggestionView;
  readonly given: (label: LabelGiven) => void;
}

function Cases({ datasetId, view, given }: CasesProps) {
  return (
    <>
      <p className="muted">
        {Object.entries(MEASURES)
          .map(([name, about]) => `${name}: ${about}`)
          .join(' ')}{' '}
        A case’s link shows where.
      </p>
      <NumberTable
        framed
        cards
        name="Suggestions"
        columns={[
          { title: 'Order' },
          { title: 'Case' },
          ...Object.keys(MEASURES).map((title) => ({ title, numeric: true })),
          { title: 'Its label' },
        ]}
        rows={view.cases.slice(0, SHOWN).map((one, index) => ({
          key: one.caseId,
          cells: [
            index + 1,
            <Link key="case" href={`/datasets/${datasetId}/cases/${encodeURIComponent(one.caseId)}`}>
              {one.caseId}
            </Link>,
            dice(one.uncertainty),
            dice(one.disagreement),
            dice(one.novelty),
            <GiveLabel key="label" datasetId={datasetId} caseId={one.caseId} given={given} />,
          ],
        }))}
      />
    </>
  );
}
