import type { RunDetail } from '@voxhelm/contracts/api';
import { useRunEvents } from '../api/run-live.ts';
import { Empty } from '../components/empty.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { saveCsv } from '../csv.ts';
import { momentToTheSecond } from '../format.ts';
import { useQueryState } from '../query-state.ts';

const LEVELS: readonly [string, string, (type: string) => boolean][] = [
  ['', 'Everything', () => true],
  ['run', 'The run', (type) => !type.startsWith('trial.')],
  ['trial', 'Trials', (type) => type.startsWith('trial.')],
  ['trouble', 'Trouble', (type) => /fail|diverg|cancel|resumed|faulty/.test(type)],
];

/** Everything that was recorded of a run, newest first, to search. */
export function RunLog({ run }: { readonly run: RunDetail }) {
  const { data: events, error, refetch } = useRunEvents(run.id);
  const [words, setWords] = useQueryState('q');
  const [level, setLevel] = useQueryState('level');
  if (error !== null) return <ErrorNote error={error} retry={() => void refetch()} />;
  if (events === undefined) return <p className="loading">Loading the log…</p>;
  const fits = LEVELS.find(([name]) => name === level)?.[2] ?? (() => true);
  const shown = events
    .filter(
      ({ type, message }) =>
        (fits(type) || (level === 'trouble' && /fail|diverged|lost/i.test(message))) &&
        message.toLowerCase().includes(words.toLowerCase()),
    )
    .reverse();
  return (
    <section aria-label="Log">
      <div className="table-tools">
        <input
          type="search"
          aria-label="Search the log"
          placeholder="Search"
          value={words}
          onChange={(e) => setWords(e.target.value)}
        />
        <select aria-label="Which entries" value={level} onChange={(e) => setLevel(e.target.value)}>
          {LEVELS.map(([name, title]) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
        <span className="count" role="status">
          {shown.length === events.length ? shown.length : `${shown.length} of ${events.length}`}
        </span>
        <button
          type="button"
          onClick={() =>
            saveCsv(`${run.name} log`, [
              ['when', 'kind', 'message'],
              ...shown.map(({ at, type, message }) => [at, type, message]),
            ])
          }
        >
          CSV
        </button>
      </div>
      {shown.length === 0 ? (
        <Empty title="Nothing here.">Change the search or the choice above.</Empty>
      ) : (
        <ol className="plain log">
          {shown.map((event) => (
            <li key={event.id}>
              <time dateTime={event.at}>{momentToTheSecond(event.at)}</time> <span className="kind">{event.type}</span>{' '}
              {event.message}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
