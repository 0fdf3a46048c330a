import type { RunDetail, TrialView } from '@voxhelm/contracts/api';
import { useMemo } from 'react';
import type { MetricStore } from '../api/metric-store.ts';
import { DEVICE_SERIES, isSmoothed, TRAINING_SERIES } from '../api/series.ts';
import { CurveChart } from '../charts/curve-chart.tsx';
import { useCurveLook } from '../charts/curve-tools.tsx';
import { colorOf, type Line, lineOf } from '../charts/lines.ts';
import { Empty } from '../components/empty.tsx';
import { Swatch } from '../components/swatch.tsx';
import { saveCsv } from '../csv.ts';
import { useQueryState } from '../query-state.ts';
import { useMetricsVersion } from './use-metrics.ts';

/** Trials drawn in colour; the others stand grey behind them. */
const IN_COLOUR = 8;

/** Every point of these trials' curves, for a CSV: trial, series, step, value. */
export function curveRows(metrics: MetricStore, trials: readonly TrialView[]): (readonly (string | number)[])[] {
  const points = metrics.names().flatMap((series) => {
    const curves = metrics.curves(series);
    return trials.flatMap(({ id, number }) => {
      const { steps = [], values = [] } = curves.get(id) ?? {};
      return steps.map((step, index) => [number + 1, series, step, values[index] ?? ''] as const);
    });
  });
  return [['trial', 'series', 'step', 'value'], ...points];
}

/** A run's curves, live, with smoothing and a log axis; both stay in the address. */
export function RunCurves({ run, metrics }: { readonly run: RunDetail; readonly metrics: MetricStore }) {
  const version = useMetricsVersion(metrics);
  const { look, tools } = useCurveLook();
  const [label, setLabel] = useQueryState('class', '');
  const inColour = useMemo(() => chooseTrials(run.trials), [run.trials]);
  const cache = useMemo(() => new LineCache(), [look.smoothing]);
  const classes = (run.plans[0]?.plan.labels ?? []).filter(({ value }) => value !== 0);
  const named = classes.find(({ value }) => String(value) === label);
  const names = metrics.names();
  const charts = [
    ...TRAINING_SERIES.map(([series, title]) =>
      series === 'dice' && named !== undefined
        ? ([`dice.${named.value}`, `Validation Dice of ${named.name}`] as const)
        : ([series, title] as const),
    ),
    ...DEVICE_SERIES.filter(([series]) => names.includes(series)),
  ];
  if (run.trials.length === 0) return <Empty title="No trial yet.">Curves appear with the first training step.</Empty>;
  return (
    <section aria-label="Curves">
      <div className="page-head">
        <h2>Curves</h2>
        {tools}
        <label>
          Dice of{' '}
          <select value={label} onChange={(e) => setLabel(e.target.value)}>
            <option value="">all classes</option>
            {classes.map(({ value, name }) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <button type="button" onClick={() => saveCsv(`${run.name} curves`, curveRows(metrics, run.trials))}>
          All curves as CSV
        </button>
      </div>
      <ul className="legend">
        {inColour.map((trial, index) => (
          <li key={trial.id}>
            <Swatch color={colorOf(index)} /> trial {trial.number + 1}
          </li>
        ))}
        {run.trials.length > inColour.length && (
          <li className="muted">grey: {run.trials.length - inColour.length} others</li>
        )}
      </ul>
      <div className="charts">
        {charts.map(([series, title]) => (
          <CurveChart
            key={title}
            title={title}
            lines={cache.lines(metrics, series, run.trials, inColour, isSmoothed(series) ? look.smoothing : 0, version)}
            log={series === 'loss' && look.logLoss}
          />
        ))}
      </div>
    </section>
  );
}

/** Those that run, then the best: what a reader looks for. */
function chooseTrials(trials: readonly TrialView[]): TrialView[] {
  const rank = (trial: TrialView): number => (trial.state === 'running' ? 2 : 0) + (trial.bestDice ?? -1);
  return [...trials]
    .sort((a, b) => rank(b) - rank(a) || a.number - b.number)
    .slice(0, IN_COLOUR)
    .sort((a, b) => a.number - b.number);
}

/** Keeps lines whose curve did not change, so that charts see that they are the same. */
class LineCache {
  private readonly known = new Map<string, { key: string; line: Line }>();
  private readonly lists = new Map<string, { key: string; lines: readonly Line[] }>();

  lines(
    metrics: MetricStore,
    series: string,
    trials: readonly TrialView[],
    inColour: readonly TrialView[],
    weight: number,
    version: number,
  ): readonly Line[] {
    const listKey = `${version} ${weight} ${inColour.map(({ id }) => id).join()} ${trials.length}`;
    const known = this.lists.get(series);
    if (known?.key === listKey) return known.lines;
    const curves = metrics.curves(series);
    const lines = trials.flatMap((trial) => {
      const curve = curves.get(trial.id);
      if (curve === undefined) return [];
      const place = inColour.findIndex(({ id }) => id === trial.id);
      const key = `${curve.version} ${place} ${weight}`;
      const cached = this.known.get(`${series} ${trial.id}`);
      if (cached?.key === key) return [cached.line];
      const look = { label: `trial ${trial.number + 1}`, color: colorOf(Math.max(0, place)), background: place < 0 };
      const line = lineOf(curve, look, weight);
      this.known.set(`${series} ${trial.id}`, { key, line });
      return [line];
    });
    this.lists.set(series, { key: listKey, lines });
    return lines;
  }
}
