import type { RunView } from '@voxhelm/contracts/api';
import { Link, useLocation } from 'wouter';
import { useRuns } from '../api/runs-live.ts';
import { type Column, DataTable } from '../components/data-table.tsx';
import { Empty } from '../components/empty.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { ProgressBar } from '../components/progress-bar.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { deviceHours, dice, duration, moment, timeLeft } from '../format.ts';
import { useQueryState } from '../query-state.ts';
import { useTitle } from '../use-title.ts';

const COLUMNS: readonly Column<RunView>[] = [
  {
    id: 'name',
    title: 'Run',
    value: (run) => run.name,
    cell: (run) => (
      <Link href={`/runs/${run.id}`} className="name">
        {run.name}
      </Link>
    ),
  },
  {
    id: 'state',
    title: 'State',
    value: (run) => run.state,
    cell: (run) => <StateBadge state={run.state} title={run.message} />,
  },
  { id: 'stage', title: 'Stage', value: (run) => run.stage },
  {
    id: 'progress',
    title: 'Done',
    unit: 'of 1',
    value: (run) => run.progress,
    numeric: true,
    cell: (run) => <ProgressBar value={run.progress} label={`${run.name}: done`} />,
  },
  {
    id: 'left',
    title: 'Time left',
    unit: 's',
    value: (run) => run.etaSeconds,
    numeric: true,
    cell: (run) => timeLeft(run.etaRangeSeconds),
  },
  { id: 'dice', title: 'Best Dice', value: (run) => run.bestDice, numeric: true, cell: (run) => dice(run.bestDice) },
  { id: 'test', title: 'Test Dice', value: (run) => run.testDice, numeric: true, cell: (run) => dice(run.testDice) },
  {
    id: 'cost',
    title: 'Device hours',
    value: (run) => run.deviceSeconds / 3_600,
    numeric: true,
    cell: (run) => deviceHours(run.deviceSeconds),
  },
  {
    id: 'dataset',
    title: 'Dataset',
    value: (run) => run.datasetName,
    cell: (run) => (
      <Link href={`/datasets/${run.datasetId}`} className="name">
        {run.datasetName}
      </Link>
    ),
  },
  {
    id: 'who',
    title: 'Who',
    value: (run) => run.submittedBy,
    cell: (run) => <span className="name">{run.submittedBy ?? '—'}</span>,
  },
  {
    id: 'trials',
    title: 'Trials',
    value: (run) => run.trialCounts.finished,
    numeric: true,
    extra: true,
    cell: ({ trialCounts: { finished, planned } }) => `${finished}${planned === null ? '' : ` / ${planned}`}`,
  },
  {
    id: 'elapsed',
    title: 'Elapsed',
    unit: 's',
    value: (run) => run.elapsedSeconds,
    numeric: true,
    extra: true,
    cell: (run) => duration(run.elapsedSeconds),
  },
  { id: 'created', title: 'Submitted', value: (run) => run.createdAt, cell: (run) => moment(run.createdAt) },
  { id: 'message', title: 'Doing', value: (run) => run.message, extra: true },
  { id: 'id', title: 'Id', value: (run) => run.id, extra: true },
];

/** All runs, live: sort, filter, and choose some to compare. */
export function RunsPage() {
  useTitle('Runs');
  const [, go] = useLocation();
  const { data: runs, error, refetch } = useRuns();
  const [chosen, setChosen] = useQueryState('runs');
  const selected: ReadonlySet<string> = new Set(chosen.split(',').filter(Boolean));
  const toggle = (id: string): void => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    setChosen([...next].join(','));
  };
  return (
    <>
      <div className="page-head">
        <h1>Runs</h1>
        <Link href="/submit" className="button primary">
          Submit a run
        </Link>
      </div>
      {error !== null && <ErrorNote error={error} retry={() => void refetch()} />}
      {runs === undefined && error === null && <p className="loading">Loading runs…</p>}
      {runs !== undefined && (
        <DataTable
          name="Runs"
          rows={runs}
          columns={COLUMNS}
          rowKey={(run) => run.id}
          initialSort="-created"
          selection={{ ids: selected, toggle, name: (run) => run.name }}
          tools={
            <button
              type="button"
              disabled={selected.size < 2}
              onClick={() => go(`/compare?runs=${[...selected].join(',')}`)}
            >
              Compare{selected.size > 1 ? ` ${selected.size}` : ''}
            </button>
          }
          empty={
            <Empty title="No run yet.">
              <p>
                <Link href="/submit">Submit one here</Link>, or from the command line:
              </p>
              <pre>npx voxhelm submit samples/hippocampus</pre>
            </Empty>
          }
        />
      )}
    </>
  );
}
