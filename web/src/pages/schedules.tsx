import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { ScheduleView } from '@voxhelm/contracts/api-schedules';
import { triggerText } from '@voxhelm/contracts/schedule-text';
import { Link } from 'wouter';
import { getAll } from '../api/client.ts';
import { type Column, DataTable } from '../components/data-table.tsx';
import { Empty } from '../components/empty.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { exactMoment } from '../format.ts';
import { ScheduleActions } from '../schedules/actions.tsx';
import { useTitle } from '../use-title.ts';

/** How often the page looks: firings come and go within seconds, trainings take minutes. */
const LOOK_EVERY_MS = 3_000;

/** All schedules: when each retrains, its next and last firing and why it fired or did not. */
export function SchedulesPage() {
  useTitle('Schedules');
  const queries = useQueryClient();
  const { data, error } = useQuery({
    queryKey: ['schedules'],
    queryFn: ({ signal }) => getAll<ScheduleView>('/v1/schedules', signal),
    refetchInterval: LOOK_EVERY_MS,
  });
  const changed = () => queries.invalidateQueries({ queryKey: ['schedules'] });
  return (
    <>
      <div className="page-head">
        <h1>Schedules</h1>
      </div>
      {error !== null && <ErrorNote error={error} />}
      {data !== undefined && (
        <DataTable
          name="Schedules"
          rows={data}
          columns={columnsOf(changed)}
          rowKey={(one) => one.id}
          initialSort="name"
          cards
          empty={
            <Empty title="No schedule yet.">
              <p>A schedule watches a dataset and retrains when cases have come:</p>
              <pre>npx voxhelm schedule create DATASET --cases 4</pre>
            </Empty>
          }
        />
      )}
    </>
  );
}

/** Why it fired or did not, and what came of it. */
function sentencesOf({ reason, outcome, message }: NonNullable<ScheduleView['lastFiring']>): string {
  return [reason, outcome].filter((sentence) => sentence !== null).join(' ') || message;
}

/** Why it fired last or did not, or why it never does. */
function whyText({ refusal, lastFiring }: ScheduleView): string {
  return refusal ?? (lastFiring === null ? 'It has not fired yet.' : sentencesOf(lastFiring));
}

function columnsOf(changed: () => Promise<unknown>): readonly Column<ScheduleView>[] {
  return [
    {
      id: 'name',
      title: 'Schedule',
      value: (one) => one.name,
      cell: (one) => <Link href={`/schedules/${one.id}`}>{one.name}</Link>,
    },
    {
      id: 'dataset',
      title: 'Dataset',
      value: (one) => one.datasetName,
      cell: (one) => <Link href={`/datasets/${one.datasetId}`}>{one.datasetName}</Link>,
    },
    { id: 'trigger', title: 'Retrains', value: (one) => triggerText(one.settings.trigger) },
    {
      id: 'next',
      title: 'Next',
      value: (one) => (one.paused ? 'paused' : (one.nextAt[0] ?? null)),
      cell: (one) =>
        one.paused ? <StateBadge state="paused" title={one.note ?? ''} /> : exactMoment(one.nextAt[0] ?? null),
    },
    {
      id: 'last',
      title: 'Last',
      value: (one) => one.lastFiring?.state ?? null,
      cell: ({ lastFiring }) =>
        lastFiring === null ? (
          '–'
        ) : (
          <div>
            <StateBadge state={lastFiring.state} />
            <br />
            {exactMoment(lastFiring.scheduledAt)}
          </div>
        ),
    },
    {
      id: 'why',
      title: 'Why',
      value: (one) => whyText(one),
      cell: (one) => <span className="wrap">{whyText(one)}</span>,
    },
    {
      id: 'actions',
      title: 'Do',
      value: () => '',
      cell: (one) => <ScheduleActions schedule={one} changed={changed} />,
    },
  ];
}
