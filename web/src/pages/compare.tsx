import { useQueries } from '@tanstack/react-query';
import type { MetricCurve, RunDetail } from '@voxhelm/contracts/api';
import type { RunCases } from '@voxhelm/contracts/api-cases';
import { useMemo } from 'react';
import { Link } from 'wouter';
import { get } from '../api/client.ts';
import { runQuery } from '../api/run-live.ts';
import { CurveChart } from '../charts/curve-chart.tsx';
import { colorOf, type Line, smooth } from '../charts/lines.ts';
import { PairedPlot } from '../charts/paired.tsx';
import { Empty } from '../components/empty.tsx';
import { ErrorNote } from '../components/error-note.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { Swatch } from '../components/swatch.tsx';
import { deviceHours, dice, duration } from '../format.ts';
import { useQueryState } from '../query-state.ts';
import { PlanTable } from '../run/plans.tsx';
import { useTitle } from '../use-title.ts';

/** Runs side by side: numbers, curves of each one's best trial, plans that differ, Dice case by case. */
export function ComparePage() {
  useTitle('Compare');
  const [chosen] = useQueryState('runs');
  const [smoothing, setSmoothing] = useQueryState('smooth', '0');
  const ids = chosen.split(',').filter(Boolean);
  const runs = useQueries({ queries: ids.map((id) => runQuery(id)) });
  const found = runs.flatMap(({ data }) => data ?? []);
  const curves = useQueries({
    queries: found.map((run) => {
      const best = bestTrial(run);
      return {
        queryKey: ['run', run.id, 'metrics', best?.id],
        queryFn: ({ signal }: { signal: AbortSignal }) =>
          get<MetricCurve[]>(`/v1/runs/${run.id}/trials/${best?.id}/metrics?series=loss,dice`, signal),
        enabled: best !== undefined,
      };
    }),
  });
  const cases = useQueries({
    queries: found.map((run) => ({
      queryKey: ['run', run.id, 'cases', 'compare'],
      queryFn: ({ signal }: { signal: AbortSignal }) => get<RunCases>(`/v1/runs/${run.id}/cases`, signal),
    })),
  });
  const failure = runs.find(({ error }) => error !== null)?.error;
  if (ids.length < 2) {
    return (
      <Empty title="Nothing to compare.">
        Tick two or more runs in <Link href="/">the list of runs</Link>.
      </Empty>
    );
  }
  const weight = Math.min(0.98, Number(smoothing) || 0);
  const linesOf = (series: string): Line[] =>
    found.flatMap((run, index) => {
      const curve = curves[index]?.data?.find((each) => each.series === series);
      if (curve === undefined) return [];
      const [steps, values] = [curve.points.map(({ step }) => step), curve.points.map(({ value }) => value)];
      return [
        {
          id: run.id,
          label: run.name,
          steps,
          values: smooth(values, weight),
          color: colorOf(index),
          background: false,
        },
      ];
    });
  return (
    <>
      <h1>Compare {ids.length} runs</h1>
      {failure !== undefined && failure !== null && <ErrorNote error={failure} />}
      <Numbers runs={found} />
      <div className="page-head">
        <h2>Curves of each run's best trial</h2>
        <label>
          Smoothing{' '}
          <input
            type="range"
            min="0"
            max="0.98"
            step="0.02"
            value={weight}
            onChange={(e) => setSmoothing(e.target.value)}
          />
        </label>
      </div>
      <div className="charts">
        <CurveChart title="Loss" lines={linesOf('loss')} />
        <CurveChart title="Validation Dice" lines={linesOf('dice')} />
      </div>
      <h2>Dice case by case</h2>
      <Paired runs={found} cases={cases.flatMap(({ data }) => data ?? [])} />
      <h2>Where the plans differ</h2>
      <PlanTable
        onlyDifferences
        plans={found.flatMap((run) => {
          const best = bestTrial(run);
          const plan =
            run.plans.find(({ algorithm, fold }) => algorithm === best?.algorithm && fold === best.fold) ??
            run.plans[0];
          return plan === undefined ? [] : [{ name: run.name, plan: plan.plan }];
        })}
      />
    </>
  );
}

function bestTrial(run: RunDetail) {
  return [...run.trials].sort((a, b) => (b.bestDice ?? -1) - (a.bestDice ?? -1))[0];
}

function Numbers({ runs }: { readonly runs: readonly RunDetail[] }) {
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
            {runs.map((run, index) => (
              <th scope="col" key={run.id}>
                <Swatch color={colorOf(index)} /> <Link href={`/runs/${run.id}`}>{run.name}</Link>{' '}
                <StateBadge state={run.state} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, valueOf]) => (
            <tr key={name} className={new Set(runs.map(valueOf)).size > 1 ? 'differs' : undefined}>
              <th scope="row">{name}</th>
              {runs.map((run) => (
                <td key={run.id}>{valueOf(run)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The first two runs on the cases that both scored: the ensemble's on test cases, else the best of any trial. */
function Paired({ runs, cases }: { readonly runs: readonly RunDetail[]; readonly cases: readonly RunCases[] }) {
  const pairs = useMemo(() => {
    const [first, second] = cases;
    if (first === undefined || second === undefined) return [];
    const best = (all: RunCases, caseId: string): number | null => {
      const results = all.cases.find((one) => one.caseId === caseId)?.results ?? [];
      const test = results.find(({ model }) => model === 'ensemble');
      const scores = (test === undefined ? results : [test]).flatMap((result) => result.scores.dice ?? []);
      return scores.length === 0 ? null : Math.max(...scores);
    };
    return first.cases.flatMap(({ caseId }) => {
      const [a, b] = [best(first, caseId), best(second, caseId)];
      return a === null || b === null ? [] : [{ caseId, a, b }];
    });
  }, [cases]);
  const [first, second] = runs;
  if (first === undefined || second === undefined || pairs.length === 0) {
    return <p className="muted">The runs have no scored case in common.</p>;
  }
  return (
    <PairedPlot
      nameA={first.name}
      nameB={second.name}
      pairs={pairs}
      hrefOf={(caseId) => `/runs/${second.id}/cases/${encodeURIComponent(caseId)}`}
    />
  );
}
