import { useQuery } from '@tanstack/react-query';
import type { RunDetail } from '@voxhelm/contracts/api';
import type { ParameterImportance, Rung, SearchInsight } from '@voxhelm/contracts/insight';
import { counted } from '@voxhelm/contracts/words';
import { Link } from 'wouter';
import { get } from '../api/client.ts';
import { ParallelCoordinates } from '../charts/parallel.tsx';
import { Scatter } from '../charts/scatter.tsx';
import { Empty } from '../components/empty.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { saveCsv } from '../csv.ts';
import { dice, shown } from '../format.ts';
import { parameterTitles } from './parameter-titles.ts';

/** Fewer say nothing of importance (contracts/insight.ts). */
const FEWEST_TRIALS = 8;

const COSTS = { trainSeconds: 'Seconds of training', bundleBytes: 'Bytes of the bundle' } as const;

/** What the search tells: its history, which parameters matter, its rungs, Dice against cost. */
export function SearchTab({ run }: { readonly run: RunDetail }) {
  const ended = run.trials.filter(({ finishedAt }) => finishedAt !== null).length;
  const { data, error, refetch } = useQuery({
    queryKey: ['run', run.id, 'search', ended],
    queryFn: ({ signal }) => get<SearchInsight>(`/v1/runs/${run.id}/search`, signal),
    placeholderData: (known) => known,
  });
  if (error !== null) return <ErrorNote error={error} retry={() => void refetch()} />;
  if (data === undefined) return <p className="loading">Loading the search…</p>;
  if (data.history.length === 0) return <Empty title="No trial yet.">The search begins when the plans are made.</Empty>;
  const hrefOf = (trialId: string): string => `/runs/${run.id}/trials/${trialId}`;
  return (
    <>
      <h2 className="hidden">The search</h2>
      <p>
        Sampler {data.sampler}, pruner {data.pruner}, {data.history.length}
        {data.plannedTrials === null ? '' : ` of ${data.plannedTrials}`} trials.{' '}
        {data.best !== null && (
          <>
            Best: <Link href={hrefOf(data.best.trialId)}>trial {data.best.number + 1}</Link>, Dice{' '}
            {dice(data.best.value)}:{' '}
            {Object.entries(data.best.point)
              .map(([name, value]) => `${name} ${shown(value)}`)
              .join(', ')}
            .
          </>
        )}
      </p>
      <div className="charts">
        <Scatter
          title="Optimisation history"
          xName="trial"
          yName="Dice"
          dots={data.history.flatMap(({ trialId, number, value }) =>
            value === null
              ? []
              : [
                  {
                    x: number + 1,
                    y: value,
                    label: `trial ${number + 1}`,
                    href: hrefOf(trialId),
                    strong: number === data.best?.number,
                  },
                ],
          )}
          line={data.history.flatMap(({ number, best }) => (best === null ? [] : [[number + 1, best] as const]))}
        />
        <Importance
          parameters={data.importance}
          trials={data.history.filter(({ state, value }) => value !== null && state !== 'running').length}
        />
        {data.pareto
          .filter(({ trials }) => trials.length > 0)
          .map(({ cost, trials, front }) => (
            <Scatter
              key={cost}
              title={`Dice against ${COSTS[cost].toLowerCase()}`}
              xName={COSTS[cost]}
              yName="Dice"
              dots={trials.map((trial) => ({
                x: trial.cost,
                y: trial.dice,
                label: `trial ${trial.number + 1}`,
                href: hrefOf(trial.trialId),
                strong: front.includes(trial.number),
              }))}
            />
          ))}
      </div>
      <Parallel run={run} />
      <Rungs rungs={data.rungs} hrefOf={hrefOf} />
    </>
  );
}

function Importance({
  parameters,
  trials,
}: {
  readonly parameters: readonly ParameterImportance[];
  readonly trials: number;
}) {
  return (
    <figure className="chart">
      <div className="chart-head">
        <h3>Importance of parameters</h3>
      </div>
      {parameters.length === 0 ? (
        <p className="muted">
          {trials < FEWEST_TRIALS
            ? `Told from ${FEWEST_TRIALS} finished trials on; there are ${trials}.`
            : 'No parameter of these trials tells the good ones from the others.'}
        </p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Parameter</th>
              <th scope="col">Share</th>
              <th scope="col" className="number">
                90 % interval
              </th>
            </tr>
          </thead>
          <tbody>
            {parameters.map(({ path, importance, low, high }) => (
              <tr key={path}>
                <th scope="row" className="wrap">
                  {path}
                </th>
                <td>
                  <meter min={0} max={1} value={importance} aria-label={`Importance of ${path}`} />{' '}
                  {(importance * 100).toFixed(0)} %
                </td>
                <td className="number">
                  {(low * 100).toFixed(0)}–{(high * 100).toFixed(0)} %
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {parameters.length > 0 && (
        <button
          type="button"
          onClick={() =>
            saveCsv('Importance of parameters', [
              ['parameter', 'share (of 1)', '90 % interval from', 'to', 'trials'],
              ...parameters.map((one) => [one.path, one.importance, one.low, one.high, one.trials]),
            ])
          }
        >
          CSV
        </button>
      )}
    </figure>
  );
}

function Parallel({ run }: { readonly run: RunDetail }) {
  const trials = run.trials.filter(({ kind, bestDice }) => kind === 'search' && bestDice !== null);
  if (trials.length < 2) return null;
  const names = [...new Set(trials.flatMap(({ point }) => Object.keys(point)))];
  const titles = parameterTitles(names);
  const varied = names.filter((name) => new Set(trials.map(({ point }) => point[name])).size > 1);
  const [low, high] = [
    Math.min(...trials.map(({ bestDice }) => bestDice ?? 0)),
    Math.max(...trials.map(({ bestDice }) => bestDice ?? 0)),
  ];
  return (
    <ParallelCoordinates
      axes={[...varied.map((id) => ({ id, title: titles.get(id) ?? id })), { id: 'dice', title: 'Dice' }]}
      lines={trials.map((trial) => ({
        id: trial.id,
        label: `trial ${trial.number + 1}`,
        href: `/runs/${run.id}/trials/${trial.id}`,
        values: {
          ...Object.fromEntries(varied.map((name) => [name, valueOf(trial.point[name])])),
          dice: trial.bestDice,
        },
        rank: high === low ? 1 : ((trial.bestDice ?? low) - low) / (high - low),
      }))}
    />
  );
}

const valueOf = (value: number | string | boolean | undefined): number | string | null =>
  value === undefined ? null : typeof value === 'boolean' ? String(value) : value;

function Rungs({ rungs, hrefOf }: { readonly rungs: readonly Rung[]; readonly hrefOf: (trialId: string) => string }) {
  if (rungs.length === 0) return null;
  return (
    <section aria-label="Rungs">
      <h2>Rungs</h2>
      <p className="muted">
        Trials that were trained to the same number of steps; the best of a rung go on to the next.
      </p>
      <div className="charts">
        {rungs.map((rung) => (
          <div className="panel" key={rung.steps}>
            <h3>
              {rung.steps} steps, {counted(rung.trials.length, 'trial')}
            </h3>
            <div className="scroll short" role="region" aria-label="Trials of this rung" tabIndex={0}>
              <table>
                <tbody>
                  {rung.trials.map((trial) => (
                    <tr key={trial.trialId}>
                      <td>
                        <Link href={hrefOf(trial.trialId)}>trial {trial.number + 1}</Link>
                      </td>
                      <td className="number">{dice(trial.value)}</td>
                      <td>
                        <StateBadge state={trial.state} />
                      </td>
                      <td>{trial.promotedTo === null ? '' : <Link href={hrefOf(trial.promotedTo)}>went on</Link>}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </div>
        ))}
      </div>
    </section>
  );
}
