import { type Query, useQueries } from '@tanstack/react-query';
import type { MetricCurve, RunDetail } from '@voxhelm/contracts/api';
import type { RunCases } from '@voxhelm/contracts/api-cases';
import { FINAL_RUN_STATES } from '@voxhelm/contracts/run';
import { useMemo } from 'react';
import { Link } from 'wouter';
import { get } from '../api/client.ts';
import { runQuery } from '../api/run-live.ts';
import { CurveChart } from '../charts/curve-chart.tsx';
import { useCurveLook } from '../charts/curve-tools.tsx';
import { colorOf, type Line, smooth } from '../charts/lines.ts';
import { PairedPlot } from '../charts/paired.tsx';
import { Empty } from '../components/empty.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { Swatch } from '../components/swatch.tsx';
import { deviceHours, dice, duration } from '../format.ts';
import { useQueryState } from '../query-state.ts';
import { pairedCases } from '../run/paired-cases.ts';
import { PlanTable } from '../run/plans.tsx';
import { useTitle } from '../use-title.ts';

/** How often runs that go on are read anew, milliseconds. */
const AGAIN_MS = 5_000;

/** Runs side by side: numbers, curves of each one's best trial, plans that differ, Dice case by case. */
export function ComparePage() {
  useTitle('Compare');
  const [chosen] = useQueryState('runs');
  const { look, tools } = useCurveLook();
  const ids = [...new Set(chosen.split(',').filter(Boolean))];
  const runs = useQueries({
    queries: ids.map((id) => ({
      ...runQuery(id),
      refetchInterval: ({ state }: Query<RunDetail>) => (goesOn(state.data) ? AGAIN_MS : (false as const)),
    })),
  });
  // Every list has a place for each run, so that none speaks for another while one still loads or cannot be read.
  const curves = useQueries({
    queries: runs.map(({ data: run }, index) => {
      const best = run === undefined ? undefined : bestTrial(run);
      return {
        queryKey: ['run', ids[index], 'metrics', best?.id],
        queryFn: ({ signal }: { signal: AbortSignal }) =>
          get<MetricCurve[]>(`/v1/runs/${ids[index]}/trials/${best?.id}/metrics?series=loss,dice`, signal),
        enabled: best !== undefined,
        refetchInterval: goesOn(run) ? AGAIN_MS : (false as const),
      };
    }),
  });
  const cases = useQueries({
    queries: ids.map((id) => ({
      queryKey: ['run', id, 'cases', 'compare'],
      queryFn: ({ signal }: { signal: AbortSignal }) => get<RunCases>(`/v1/runs/${id}/cases`, signal),
    })),
  });
  if (ids.length < 2) {
    return (
      <Empty page title="Nothing to compare.">
        Tick two or more runs in <Link href="/">the list of runs</Link>.
      </Empty>
    );
  }
  const read = [...runs, ...curves, ...cases];
  const failure = read.find(({ error }) => error !== null)?.error ?? null;
  const found = runs.flatMap(({ data }) => data ?? []);
  const linesOf = (series: string): Line[] =>
    runs.flatMap(({ data: run }, index) => {
      const curve = curves[index]?.data?.find((each) => each.series === series);
      if (run === undefined || curve === undefined) return [];
      return [
        {
          id: run.id,
          label: run.name,
          steps: curve.points.map(({ step }) => step),
          values: smooth(
            curve.points.map(({ value }) => value),
            look.smoothing,
          ),
          color: colorOf(index),
          background: false,
        },
      ];
    });
  return (
    <>
      <h1>Compare {ids.length} runs</h1>
      {failure !== null && (
        <ErrorNote
          error={failure}
          retry={() => {
            for (const each of read) if (each.error !== null) void each.refetch();
          }}
        />
      )}
      <Numbers runs={runs.map(({ data }) => data)} />
      <div className="page-head">
        <h2>Curves of each run's best trial</h2>
        {tools}
      </div>
      <div className="charts">
        <CurveChart title="Loss" lines={linesOf('loss')} log={look.logLoss} legend />
        <CurveChart title="Validation Dice" lines={linesOf('dice')} legend />
      </div>
      <h2>Dice case by case</h2>
      <Paired runs={runs.map(({ data }) => data)} cases={cases} />
      <h2>Where the plans differ</h2>
      <p className="muted">Of each run's best trial: the plan of its bundle, and the point that the search chose.</p>
      <PlanTable
        onlyDifferences
        plans={found.flatMap((run) => {
          const best = bestTrial(run);
          const plan =
            run.plans.find(({ algorithm, fold }) => algorithm === best?.algorithm && fold === best.fold) ??
            run.plans[0];
          return plan === undefined ? [] : [{ name: run.name, plan: plan.plan, point: best?.point ?? {} }];
        })}
      />
    </>
  );
}

const goesOn = (run: RunDetail | undefined): boolean => run !== undefined && !FINAL_RUN_STATES.includes(run.state);

function bestTrial(run: RunDetail) {
  return [...run.trials].sort((a, b) => (b.bestDice ?? -1) - (a.bestDice ?? -1))[0];
}

function Numbers({ runs: all }: { readonly runs: readonly (RunDetail | undefined)[] }) {
  const runs = all.flatMap((run, place) => (run === undefined ? [] : [{ run, place }]));
  const rows: readonly [string, (run: RunDetail) => string][] = [
    ['Dataset', (run) => run.datasetName],
    ['Submitted by', (run) => run.submittedBy ?? '—'],
    ['Best Dice', (run) => dice(run.bestDice)],
    ['Test Dice', (run) => dice(run.testDice)],
    ['Device hours', (run) => deviceHours(run.deviceSeconds)],
    ['Elapsed', (run) => duration(run.elapsedSeconds)],
    ['Trials', (run) => `${run.trialCounts.finished} of ${run.trialCounts.planned ?? '?'}`],
    ['Budget', (run) => run.request.budget ?? 'none'],
    ['Folds', (run) => String(run.folds ?? '–')],
    ['Seed', (run) => String(run.request.seed)],
  ];
  return (
    <div className="panel scroll" role="region" aria-label="Numbers" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Number</th>
            {runs.map(({ run, place }) => (
              <th scope="col" key={run.id}>
                <Swatch color={colorOf(place)} /> <Link href={`/runs/${run.id}`}>{run.name}</Link>{' '}
                <StateBadge state={run.state} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, valueOf]) => (
            <tr key={name} className={new Set(runs.map(({ run }) => valueOf(run))).size > 1 ? 'differs' : undefined}>
              <th scope="row">{name}</th>
              {runs.map(({ run }) => (
                <td key={run.id}>{valueOf(run)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface PairedProps {
  readonly runs: readonly (RunDetail | undefined)[];
  readonly cases: readonly { readonly data?: RunCases | undefined; readonly isPending: boolean }[];
}

/** Two of the runs on the cases that both scored; with more, the reader says which two. */
function Paired({ runs, cases }: PairedProps) {
  const [pair, setPair] = useQueryState('pair', '0,1');
  const places = pair.split(',').map(Number);
  const [a = 0, b = 1] = places.every((place) => runs[place] !== undefined) ? places : [0, 1];
  const [casesA, casesB] = [cases[a]?.data, cases[b]?.data];
  const paired = useMemo(
    () => (casesA === undefined || casesB === undefined ? null : pairedCases(casesA, casesB)),
    [casesA, casesB],
  );
  const [first, second] = [runs[a], runs[b]];
  const choose = (place: 0 | 1, run: string): void => setPair((place === 0 ? [run, b] : [a, run]).join());
  return (
    <>
      {runs.length > 2 && (
        <div className="table-tools">
          {([0, 1] as const).map((place) => (
            <label key={place}>
              {place === 0 ? 'Of' : 'against'}{' '}
              <select value={place === 0 ? a : b} onChange={(event) => choose(place, event.target.value)}>
                {runs.map((run, index) => (
                  <option key={run?.id ?? index} value={index}>
                    {run?.name ?? '…'}
                  </option>
                ))}
              </select>
            </label>
          ))}
        </div>
      )}
      {paired === null || first === undefined || second === undefined ? (
        <p className={cases[a]?.isPending === true || cases[b]?.isPending === true ? 'loading' : 'muted'}>
          {cases[a]?.isPending === true || cases[b]?.isPending === true
            ? 'Loading cases…'
            : 'The cases of one of the runs could not be read.'}
        </p>
      ) : paired.pairs.length === 0 ? (
        <p className="muted">
          The runs have no scored case in common: cases are scored when a trial ends, and two runs share them where they
          train on the same dataset with the same folds.
        </p>
      ) : (
        <>
          <p className="muted">
            {paired.by === 'ensembles'
              ? 'Test cases, by each run’s ensemble.'
              : 'Validation cases, each by the best trial of its fold: not both runs have an ensemble.'}
          </p>
          <PairedPlot
            nameA={first.name}
            nameB={second.name}
            pairs={paired.pairs}
            hrefOf={(caseId) => `/runs/${second.id}/cases/${encodeURIComponent(caseId)}`}
          />
        </>
      )}
    </>
  );
}
