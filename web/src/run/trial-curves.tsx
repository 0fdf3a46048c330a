import type { RunDetail, TrialView } from '@voxhelm/contracts/api';
import { useMemo } from 'react';
import type { MetricStore } from '../api/metric-store.ts';
import { isSmoothed, SERIES_NAMES, seriesTitle } from '../api/series.ts';
import { CurveChart } from '../charts/curve-chart.tsx';
import { useCurveLook } from '../charts/curve-tools.tsx';
import { colorOf, type Line, lineOf } from '../charts/lines.ts';
import { saveCsv } from '../csv.ts';
import { curveRows } from './curves.tsx';
import { labelName } from './trials-table.tsx';
import { useMetricsVersion } from './use-metrics.ts';

interface TrialCurvesProps {
  readonly run: RunDetail;
  readonly trial: TrialView;
  readonly metrics: MetricStore;
}

/** One trial's curves, each class's Dice beside the mean. */
export function TrialCurves({ run, trial, metrics }: TrialCurvesProps) {
  const version = useMetricsVersion(metrics);
  const { look, tools } = useCurveLook();
  const charts = useMemo(
    () => chartsOf(run, trial, metrics, look.smoothing),
    [run, trial, metrics, version, look.smoothing],
  );
  return (
    <>
      <div className="page-head">
        <h3>Curves</h3>
        {charts.length > 0 && (
          <>
            {tools}
            <button
              type="button"
              onClick={() => saveCsv(`trial ${trial.number + 1} curves`, curveRows(metrics, [trial]))}
            >
              All curves as CSV
            </button>
          </>
        )}
      </div>
      {charts.length === 0 && <p className="muted">No point yet: the first ones come after ten steps.</p>}
      <div className="charts">
        {charts.map(({ series, title, lines }) => (
          <CurveChart
            key={series}
            title={title}
            lines={lines}
            log={series === 'loss' && look.logLoss}
            legend={lines.length > 1}
          />
        ))}
      </div>
    </>
  );
}

interface Chart {
  readonly series: string;
  readonly title: string;
  readonly lines: readonly Line[];
}

function chartsOf(run: RunDetail, trial: TrialView, metrics: MetricStore, smoothing: number): Chart[] {
  const own = metrics.names().filter((name) => metrics.curves(name).has(trial.id));
  const line = (series: string, label: string, color: string): Line[] => {
    const curve = metrics.curves(series).get(trial.id);
    const weight = isSmoothed(series) ? smoothing : 0;
    return curve === undefined ? [] : [{ ...lineOf(curve, { label, color, background: false }, weight), id: series }];
  };
  return own
    .filter((name) => !name.startsWith('dice.'))
    .sort((a, b) => placeOf(a) - placeOf(b))
    .map((series) => {
      if (series !== 'dice') return { series, title: seriesTitle(series), lines: line(series, 'it', colorOf(0)) };
      const classes = own.filter((name) => name.startsWith('dice.'));
      return {
        series,
        title: 'Dice by class',
        lines: [
          ...line(series, 'mean', colorOf(0)),
          ...classes.flatMap((name, place) => line(name, labelName(run, name.slice(5)), colorOf(place + 1))),
        ],
      };
    });
}

/** Where a series' chart stands among the others; one that is not known comes last. */
function placeOf(series: string): number {
  const place = SERIES_NAMES.findIndex((name) => name === series);
  return place < 0 ? SERIES_NAMES.length : place;
}
