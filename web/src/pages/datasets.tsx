import { useQuery } from '@tanstack/react-query';
import type { DatasetView } from '@voxhelm/contracts/api';
import { Link } from 'wouter';
import { getAll } from '../api/client.ts';
import { type Column, DataTable } from '../components/data-table.tsx';
import { Empty } from '../components/empty.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { moment } from '../format.ts';
import { useTitle } from '../use-title.ts';

const COLUMNS: readonly Column<DatasetView>[] = [
  {
    id: 'name',
    title: 'Dataset',
    value: (one) => one.name,
    cell: (one) => <Link href={`/datasets/${one.id}`}>{one.name}</Link>,
  },
  { id: 'state', title: 'State', value: (one) => one.state, cell: (one) => <StateBadge state={one.state} /> },
  { id: 'layout', title: 'Layout', value: (one) => one.layout },
  { id: 'modality', title: 'Modality', value: (one) => one.modalities.join(', ') || null },
  {
    id: 'labels',
    title: 'Labels',
    value: (one) =>
      one.labels
        .filter(({ value }) => value > 0)
        .map(({ name }) => name)
        .join(', ') || null,
  },
  { id: 'training', title: 'Training', value: (one) => one.trainingCases, numeric: true },
  { id: 'testing', title: 'Test', value: (one) => one.testingCases, numeric: true },
  { id: 'errors', title: 'Errors', value: (one) => one.errors, numeric: true },
  { id: 'warnings', title: 'Warnings', value: (one) => one.warnings, numeric: true },
  { id: 'created', title: 'Since', value: (one) => one.createdAt, cell: (one) => moment(one.createdAt) },
  { id: 'path', title: 'Path', value: (one) => one.path, extra: true },
];

/** All registered datasets. */
export function DatasetsPage() {
  useTitle('Datasets');
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['datasets'],
    queryFn: ({ signal }) => getAll<DatasetView>('/v1/datasets', signal),
    refetchInterval: ({ state }) => (state.data?.some((one) => one.state === 'checking') === true ? 2_000 : false),
  });
  return (
    <>
      <div className="page-head">
        <h1>Datasets</h1>
        <Link href="/submit" className="button">
          Add one
        </Link>
      </div>
      {error !== null && <ErrorNote error={error} retry={() => void refetch()} />}
      {isPending && <p className="loading">Loading datasets…</p>}
      {data !== undefined && (
        <DataTable
          name="Datasets"
          rows={data}
          columns={COLUMNS}
          rowKey={(one) => one.id}
          initialSort="-created"
          empty={
            <Empty title="No dataset yet.">
              <Link href="/submit">Drop one</Link>; it is checked in your browser before anything is sent.
            </Empty>
          }
        />
      )}
    </>
  );
}
