import { useQuery } from '@tanstack/react-query';
import type { TrialView } from '@voxhelm/contracts/api';
import { download, request } from '../api/client.ts';
import { ErrorNote } from '../components/error-note.tsx';
import { useQueryState } from '../query-state.ts';

const LOOK_EVERY_MS = 3_000;

/** What the trial's attempts logged, as text; read when it is opened, and while the trial goes on. */
export function TrialLog({ trial, name }: { readonly trial: TrialView; readonly name: string }) {
  const [open, setOpen] = useQueryState('trainer-log');
  const path = `/v1/trials/${trial.id}/log`;
  const { data, error, refetch } = useQuery({
    // Read once more when the trial has ended: its last lines came a moment before.
    queryKey: ['trial', trial.id, 'log', trial.finishedAt],
    queryFn: async ({ signal }) => (await request(path, { signal })).text(),
    enabled: open === '1',
    placeholderData: (known) => known,
    refetchInterval: trial.finishedAt === null ? LOOK_EVERY_MS : false,
  });
  return (
    <details open={open === '1'} onToggle={(event) => setOpen(event.currentTarget.open ? '1' : '')}>
      <summary>The trainer’s log</summary>
      {error !== null && <ErrorNote error={error} retry={() => void refetch()} />}
      {data === '' && (
        <p className="muted">
          {trial.finishedAt === null
            ? 'Nothing yet: the log begins when a trainer takes the trial.'
            : 'No log was kept: it was trained in another run, or before logs were.'}
        </p>
      )}
      {data !== undefined && data !== '' && (
        <>
          <pre className="long-log" tabIndex={0} aria-label="The trainer’s log">
            {data}
          </pre>
          <button type="button" onClick={() => void download(path, `${name}.log`)}>
            Download
          </button>
        </>
      )}
    </details>
  );
}
