import { useQuery } from '@tanstack/react-query';
import type { ChampionView, FiringView } from '@voxhelm/contracts/api-schedules';
import type { PairedComparison } from '@voxhelm/contracts/schedule';
import { getAll } from '../api/client.ts';
import { PairedPlot } from '../charts/paired.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { NumberTable } from '../components/number-table.tsx';
import { dice, exactMoment } from '../format.ts';
import { useQueryState } from '../query-state.ts';
import { labelName, pText, signed } from './words.ts';

const LOOK_EVERY_MS = 5_000;

/** Every comparison that the schedule made: the newest, or the one that is chosen and then stands in the address. */
export function Comparisons({
  scheduleId,
  datasetId,
  labels,
}: {
  readonly scheduleId: string;
  readonly datasetId: string;
  readonly labels: ChampionView['labels'];
}) {
  const [chosen, choose] = useQueryState('comparison');
  const { data, error } = useQuery({
    queryKey: ['schedule', scheduleId, 'compared'],
    queryFn: ({ signal }) => getAll<FiringView>(`/v1/schedules/${scheduleId}/firings?show=compared`, signal),
    refetchInterval: LOOK_EVERY_MS,
  });
  if (error !== null) return <ErrorNote error={error} />;
  if (data === undefined) return null;
  const shown = data.find(({ id }) => id === chosen) ?? data[0];
  if (shown?.comparison == null) return <p className="muted">No challenger has been compared yet.</p>;
  return (
    <>
      {data.length > 1 && (
        <label className="field">
          Comparison
          <select value={shown.id} onChange={({ target }) => choose(target.value === data[0]?.id ? '' : target.value)}>
            {data.map((one) => (
              <option key={one.id} value={one.id}>
                {exactMoment(one.scheduledAt)}: {one.state}, mean difference{' '}
                {signed(one.comparison?.meanDifference ?? 0)}
              </option>
            ))}
          </select>
        </label>
      )}
      <Comparison comparison={shown.comparison} datasetId={datasetId} labels={labels} />
    </>
  );
}

/** Champion against challenger, case by case, with the test and its interval. */
function Comparison({
  comparison,
  datasetId,
  labels,
}: {
  readonly comparison: PairedComparison;
  readonly datasetId: string;
  readonly labels: ChampionView['labels'];
}) {
  const { cases, pValue, meanDifference, interval, classes, reason } = comparison;
  const pairs = cases.flatMap(({ caseId, champion, challenger }) =>
    champion === null || challenger === null ? [] : [{ caseId, a: champion, b: challenger }],
  );
  return (
    <>
      <p>{reason}</p>
      <p className="muted">
        Wilcoxon signed rank, one-sided: {pText(pValue)}. Mean difference {signed(meanDifference)}, 95 % interval{' '}
        {signed(interval[0])} to {signed(interval[1])}.
      </p>
      <PairedPlot
        withInterval={false}
        nameA="Champion"
        nameB="Challenger"
        pairs={pairs}
        hrefOf={(caseId) => `/datasets/${datasetId}/cases/${encodeURIComponent(caseId)}`}
      />
      <NumberTable
        framed
        name="Dice by label"
        columns={[{ title: 'Label' }, { title: 'Champion', numeric: true }, { title: 'Challenger', numeric: true }]}
        rows={classes.map(({ value, champion, challenger }) => ({
          key: value,
          cells: [labelName(labels, value), dice(champion), dice(challenger)],
        }))}
      />
    </>
  );
}
