import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { WorkersView } from '@voxhelm/contracts/api-live';
import type { StorageView, StoredItem } from '@voxhelm/contracts/api-storage';
import { processOfTrainer } from '@voxhelm/contracts/queues';
import { Link } from 'wouter';
import { get, send } from '../api/client.ts';
import { ConfirmButton } from '../components/confirm-button.tsx';
import { type Column, DataTable } from '../components/data-table.tsx';
import { Empty } from '../components/empty.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { useNow } from '../components/use-now.ts';
import { bytes, duration, moment } from '../format.ts';
import { useTitle } from '../use-title.ts';

/** How long ago something was, at the time that the page shows. */
const sinceAt =
  (now: number) =>
  (at: string | null): string =>
    at === null ? '' : duration(Math.max(0, now - Date.parse(at)) / 1_000);

/** Who works, on what, since when; why jobs wait; what takes room and may go. */
export function WorkersPage() {
  useTitle('Workers and storage');
  const workers = useQuery({
    queryKey: ['workers'],
    queryFn: ({ signal }) => get<WorkersView>('/v1/workers', signal),
    refetchInterval: 2_000,
  });
  const storage = useQuery({ queryKey: ['storage'], queryFn: ({ signal }) => get<StorageView>('/v1/storage', signal) });
  return (
    <>
      <h1>Workers and storage</h1>
      {workers.error !== null && <ErrorNote error={workers.error} retry={() => void workers.refetch()} />}
      {workers.isPending && <p className="loading">Loading the trainers…</p>}
      {workers.data !== undefined && (
        <Trainers view={workers.data} readAt={workers.dataUpdatedAt} devices={storage.data?.devices ?? []} />
      )}
      <h2>Storage</h2>
      {storage.error !== null && <ErrorNote error={storage.error} retry={() => void storage.refetch()} />}
      {storage.isPending && <p className="loading">Counting what is stored…</p>}
      {storage.data !== undefined && <Storage view={storage.data} />}
    </>
  );
}

interface TrainersProps {
  readonly view: WorkersView;
  /** When the view was read (milliseconds since 1970). */
  readonly readAt: number;
  readonly devices: StorageView['devices'];
}

/** What was read longer ago is not called "now": the service may be away. */
const NOW_MS = 10_000;

function Trainers({ view, readAt, devices }: TrainersProps) {
  const now = useNow();
  const since = sinceAt(now);
  const seen = (lastSeenAt: string | null): string => {
    if (lastSeenAt !== null) return `${since(lastSeenAt)} ago`;
    return now - readAt < NOW_MS ? 'now' : `${since(new Date(readAt).toISOString())} ago`;
  };
  return (
    <>
      <h2>Trainers</h2>
      {view.trainers.length === 0 ? (
        <Empty title="No trainer is connected.">
          <p>On this machine:</p>
          <pre>npx voxhelm up</pre>
        </Empty>
      ) : (
        <div className="panel scroll" role="region" aria-label="Trainers" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">Trainer</th>
                <th scope="col">Device</th>
                <th scope="col">State</th>
                <th scope="col">Works on</th>
                <th scope="col">Since</th>
                <th scope="col">Last seen</th>
              </tr>
            </thead>
            <tbody>
              {view.trainers.map(({ identity, device, lastSeenAt, work }) => (
                <tr key={identity}>
                  <td>{processOfTrainer(identity)}</td>
                  <td>{device ?? 'unknown'}</td>
                  <td>
                    <StateBadge state={work === null ? 'idle' : 'working'} />
                  </td>
                  <td>
                    {work !== null && (
                      <>
                        {work.job}
                        {work.trialId !== null && (
                          <>
                            {' '}
                            <Link href={`/runs/${work.runId}/trials/${work.trialId}`}>
                              trial {(work.trialNumber ?? 0) + 1}
                            </Link>
                          </>
                        )}{' '}
                        of <Link href={`/runs/${work.runId}`}>{work.runName}</Link>
                      </>
                    )}
                  </td>
                  <td>{since(work?.since ?? null)}</td>
                  <td>{seen(work === null ? lastSeenAt : null)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <p className="muted">
            Devices that were measured:{' '}
            {devices
              .map(({ kind, name, cores, memoryBytes }) => `${name} (${kind}, ${cores} cores, ${bytes(memoryBytes)})`)
              .join(', ') || 'none yet'}
          </p>
        </div>
      )}
      <h2>Queue</h2>
      {view.waiting.length === 0 ? (
        <p className="muted">Nothing waits for a trainer.</p>
      ) : (
        <ul className="plain panel">
          {view.waiting.map((job) => (
            <li key={`${job.runId} ${job.trialId} ${job.job}`} className="row">
              <StateBadge state={job.state} /> {job.job} of <Link href={`/runs/${job.runId}`}>{job.runName}</Link>{' '}
              <span className="muted">
                {since(job.since) === '' ? '' : `for ${since(job.since)}. `}
                {job.reason}
              </span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Storage({ view }: { readonly view: StorageView }) {
  const client = useQueryClient();
  const remove = (item: StoredItem) => async (): Promise<void> => {
    await send('DELETE', `/v1/${item.kind}s/${item.id}`);
    await client.invalidateQueries();
  };
  const columns: Column<StoredItem>[] = [
    {
      id: 'name',
      title: 'Name',
      value: (item) => item.name,
      cell: (item) => <Link href={`/${item.kind}s/${item.id}`}>{item.name}</Link>,
    },
    { id: 'kind', title: 'Kind', value: (item) => item.kind },
    {
      id: 'bytes',
      title: 'Size',
      unit: 'bytes',
      value: (item) => item.bytes,
      numeric: true,
      cell: (item) => bytes(item.bytes),
    },
    { id: 'state', title: 'State', value: (item) => item.state, cell: (item) => <StateBadge state={item.state} /> },
    { id: 'created', title: 'Since', value: (item) => item.createdAt, cell: (item) => moment(item.createdAt) },
    {
      id: 'delete',
      title: 'May it go?',
      value: (item) => item.reason,
      cell: (item) =>
        item.mayDelete ? (
          <ConfirmButton
            label={`Delete ${item.name}`}
            tone="danger"
            question={`Delete the ${item.kind} “${item.name}”?`}
            action={remove(item)}
          >
            <ul>
              <li>
                <strong>Lost:</strong>{' '}
                {item.kind === 'run'
                  ? `${bytes(item.bytes)}: its checkpoints, predictions, bundle, curves and log, for good.`
                  : `${bytes(item.bytes)} of uploaded files, for good.`}
              </li>
              <li>
                <strong>Kept:</strong>{' '}
                {item.kind === 'run'
                  ? 'its dataset, and bundles that were downloaded.'
                  : 'files that other uploads share.'}
              </li>
            </ul>
          </ConfirmButton>
        ) : (
          <span className="wrap muted">{item.reason}</span>
        ),
    },
  ];
  return (
    <>
      <p>
        {bytes(view.artifacts.usedBytes)} used, {bytes(view.artifacts.freeBytes)} free at{' '}
        <code>{view.artifacts.path}</code>.
      </p>
      <DataTable
        name="Storage"
        rows={view.items}
        columns={columns}
        rowKey={(item) => item.id}
        initialSort="-bytes"
        empty={<Empty title="Nothing is stored yet.">Runs and uploaded datasets appear here with their size.</Empty>}
      />
    </>
  );
}
