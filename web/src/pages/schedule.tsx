import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { ChampionView, DriftPoint, FiringView, ScheduleDetail } from '@voxhelm/contracts/api-schedules';
import { triggerText } from '@voxhelm/contracts/schedule-text';
import { counted } from '@voxhelm/contracts/words';
import { Link, useParams } from 'wouter';
import { get } from '../api/client.ts';
import { type Column, DataTable } from '../components/data-table.tsx';
import { Empty } from '../components/empty.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { exactMoment, exactMoments } from '../format.ts';
import { ScheduleActions } from '../schedules/actions.tsx';
import { Champion, Promotions } from '../schedules/champion.tsx';
import { Comparisons } from '../schedules/comparisons.tsx';
import { DriftChart } from '../schedules/drift-chart.tsx';
import { LabelLog } from '../schedules/label-log.tsx';
import { Suggestions } from '../schedules/suggestions.tsx';
import { whyOf } from '../schedules/words.ts';
import { useTitle } from '../use-title.ts';

const LOOK_EVERY_MS = 2_000;

/** A schedule: when it fires, why it did or did not, champion against challenger, drift, promotions, what to label next, labels that came. */
export function SchedulePage() {
  const { id = '' } = useParams<{ id: string }>();
  const queries = useQueryClient();
  const schedule = useQuery({
    queryKey: ['schedule', id],
    queryFn: ({ signal }) => get<ScheduleDetail>(`/v1/schedules/${id}`, signal),
    refetchInterval: LOOK_EVERY_MS,
  });
  const datasetId = schedule.data?.datasetId;
  const champion = useQuery({
    queryKey: ['dataset', datasetId, 'champion'],
    queryFn: ({ signal }) => get<ChampionView>(`/v1/datasets/${datasetId}/champion`, signal),
    enabled: datasetId !== undefined,
    refetchInterval: LOOK_EVERY_MS,
  });
  useTitle(schedule.data?.name ?? 'Schedule');
  const changed = async (): Promise<void> => {
    await Promise.all([
      queries.invalidateQueries({ queryKey: ['schedule', id] }),
      queries.invalidateQueries({ queryKey: ['dataset', datasetId] }),
    ]);
  };
  if (schedule.error !== null) return <ErrorNote error={schedule.error} />;
  const { data } = schedule;
  if (data === undefined) return <p className="loading">Loading the schedule…</p>;
  const { trigger } = data.settings;
  return (
    <>
      <p className="crumbs">
        <Link href="/schedules">Schedules</Link> › {data.name}
      </p>
      <div className="page-head">
        <h1>{data.name}</h1>
        {data.paused && <StateBadge state="paused" />}
        <ScheduleActions schedule={data} changed={changed} whole />
      </div>
      {data.refusal !== null && (
        <div className="note bad" role="alert">
          <p>
            <strong>It never fires: {data.refusal}</strong>
          </p>
          <p>Delete it and make another.</p>
        </div>
      )}
      <Facts schedule={data} />
      {champion.error !== null && <ErrorNote error={champion.error} />}
      <h2>Champion</h2>
      {champion.data !== undefined && <Champion view={champion.data} changed={changed} />}
      <h2>Champion against challenger</h2>
      <Comparisons scheduleId={data.id} datasetId={data.datasetId} labels={champion.data?.labels ?? []} />
      <h2>Firings</h2>
      <DataTable
        name="Firings"
        rows={data.firings}
        columns={FIRINGS}
        rowKey={(one) => one.id}
        initialSort="-due"
        cards
        empty={<Empty title="It has not fired yet." />}
      />
      <h2>Drift over time</h2>
      <Drift scheduleId={data.id} limit={trigger.kind === 'drift' ? trigger.limit : null} />
      <h2>Promotions</h2>
      {champion.data !== undefined && <Promotions view={champion.data} />}
      <Suggestions datasetId={data.datasetId} asked={champion.data?.champion != null} />
      <LabelLog datasetId={data.datasetId} />
    </>
  );
}

/** Drift over time, of all firings and not only of those that the page lists. */
function Drift({ scheduleId, limit }: { readonly scheduleId: string; readonly limit: number | null }) {
  const { data, error } = useQuery({
    queryKey: ['schedule', scheduleId, 'drift'],
    queryFn: ({ signal }) => get<{ items: DriftPoint[] }>(`/v1/schedules/${scheduleId}/drift`, signal),
    refetchInterval: LOOK_EVERY_MS,
  });
  if (error !== null) return <ErrorNote error={error} />;
  return data === undefined ? null : <DriftChart measured={data.items} limit={limit} />;
}

function Facts({ schedule }: { readonly schedule: ScheduleDetail }) {
  const { settings, nextAt, paused, note, missed, skipped } = schedule;
  const facts: readonly (readonly [string, string])[] = [
    ['Retrains', triggerText(settings.trigger)],
    ['Next', paused ? 'paused' : exactMoments(nextAt.slice(0, 3)) || '–'],
    ['Weights start from', settings.start],
    ['While one goes on', settings.overlap],
    [
      'Made up for',
      `${settings.catchUp} back${missed === null || missed === 0 ? '' : `; ${counted(missed, 'was', 'were')} older`}`,
    ],
    ['Left out', skipped === null ? '–' : `${counted(skipped, 'firing')} while one went on`],
    ...(note === null ? [] : [['Note', note] as const]),
  ];
  return (
    <dl className="facts columns">
      <div>
        <dt>Dataset</dt>
        <dd>
          <Link href={`/datasets/${schedule.datasetId}`}>{schedule.datasetName}</Link>
        </dd>
      </div>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

const FIRINGS: readonly Column<FiringView>[] = [
  { id: 'due', title: 'Due', value: (one) => one.scheduledAt, cell: (one) => exactMoment(one.scheduledAt) },
  { id: 'state', title: 'State', value: (one) => one.state, cell: (one) => <StateBadge state={one.state} /> },
  {
    id: 'why',
    title: 'Why',
    value: whyOf,
    cell: (one) => <span className="wrap">{whyOf(one)}</span>,
  },
  {
    id: 'outcome',
    title: 'What came of it',
    value: (one) => one.outcome,
    cell: (one) => <span className="wrap">{one.outcome ?? '–'}</span>,
  },
  { id: 'new', title: 'New', value: (one) => one.findings?.newCases.length ?? null, numeric: true },
  { id: 'corrected', title: 'Corrected', value: (one) => one.findings?.correctedCases.length ?? null, numeric: true },
  {
    id: 'drift',
    title: 'Drift',
    value: (one) => one.drift,
    cell: (one) => one.drift?.toFixed(2) ?? '–',
    numeric: true,
  },
  {
    id: 'runs',
    title: 'Runs',
    value: (one) => one.runs.map(({ name }) => name).join(', ') || null,
    cell: (one) =>
      one.runs.map((run) => (
        <div key={run.id}>
          <span className="name">
            <Link href={`/runs/${run.id}`}>{run.name}</Link> {run.state}
            {one.championRunId !== null && run.id === one.challengerRunId && ' (challenger)'}
          </span>
        </div>
      )),
  },
];
