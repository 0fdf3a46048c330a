import type { ChampionView } from '@voxhelm/contracts/api-schedules';
import { counted } from '@voxhelm/contracts/words';
import { Link } from 'wouter';
import { download, send } from '../api/client.ts';
import { ConfirmButton } from '../components/confirm-button.tsx';
import { Empty } from '../components/empty.tsx';
import { NumberTable } from '../components/number-table.tsx';
import { dice, exactMoment } from '../format.ts';
import { signed } from './words.ts';

interface ChampionProps {
  readonly view: ChampionView;
  readonly changed: () => Promise<unknown>;
}

/** The model in use, with its download and the way back to the one before. */
export function Champion({ view, changed }: ChampionProps) {
  const { champion, comparisonCases, previous } = view;
  if (champion === null) {
    return (
      <Empty title="No champion yet.">
        The first retraining makes one; or by hand:
        <pre>npx voxhelm champion {view.datasetName} --set RUN</pre>
      </Empty>
    );
  }
  return (
    <section className="panel" aria-label="Champion">
      <p>
        <Link href={`/runs/${champion.runId}`}>{champion.runName}</Link> is champion since {exactMoment(champion.since)}
        ; test Dice {dice(champion.testDice)}. Compared on{' '}
        {counted(comparisonCases.length, 'case that is', 'cases that are')} held out for ever.
      </p>
      <div className="actions">
        <button type="button" onClick={() => void download(champion.bundle.href, `${view.datasetName}-champion.zip`)}>
          Download the champion
        </button>
        <ConfirmButton
          label="Roll back"
          tone="danger"
          disabled={previous === null}
          question="Roll back to the champion before?"
          action={() => send('POST', `/v1/datasets/${view.datasetId}/rollback`).then(changed)}
        >
          <p>
            {previous?.runName} ({previous?.runId}) is champion again, and the stable address gives it from then on. The
            present model stays in the history.
          </p>
        </ConfirmButton>
      </div>
    </section>
  );
}

/** Who was champion, since when and why: the audit log, newest first. */
export function Promotions({ view }: { readonly view: ChampionView }) {
  if (view.promotions.length === 0) return null;
  return (
    <NumberTable
      framed
      cards
      name="Who was champion"
      columns={[
        { title: 'When' },
        { title: 'Kind' },
        { title: 'Run' },
        { title: 'Mean difference', numeric: true },
        { title: 'p', numeric: true },
        { title: 'Reason' },
      ]}
      rows={view.promotions.map((one) => ({
        key: one.id,
        cells: [
          exactMoment(one.at),
          one.kind,
          <Link key="run" href={`/runs/${one.runId}`}>
            {one.runName}
          </Link>,
          one.comparison === null ? '–' : signed(one.comparison.meanDifference),
          one.comparison === null ? '–' : one.comparison.pValue.toFixed(4),
          <span key="reason" className="wrap">
            {one.reason}
          </span>,
        ],
      }))}
    />
  );
}
