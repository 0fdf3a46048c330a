import { useEffect, useRef } from 'react';
import { Swatch } from '../components/swatch.tsx';
import { useQueryState } from '../query-state.ts';
import { CurvePlot } from './curve-plot.ts';
import { LineTable } from './line-table.tsx';
import { describeLines, type Line } from './lines.ts';
import { readSpan, spanText } from './zoom.ts';

interface ChartProps {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly log?: boolean;
  /** Names the lines under the chart, where the page does not. */
  readonly legend?: boolean;
  readonly height?: number;
}

/** What dragging over the chart does, for keyboards and fingers. */
const ZOOMS: readonly (readonly [sign: string, name: string, act: (plot: CurvePlot) => void])[] = [
  ['‹', 'earlier steps', (plot) => plot.move(false)],
  ['−', 'more steps', (plot) => plot.zoomBy(false)],
  ['+', 'fewer steps', (plot) => plot.zoomBy(true)],
  ['›', 'later steps', (plot) => plot.move(true)],
];

/**
 * Curves on a canvas, with a sentence, a table and CSV of the same data. The part of the steps that is shown stands in the
 * address: all charts of a page show the same, and a link keeps it.
 */
export function CurveChart({ title, lines, log = false, legend = false, height = 220 }: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const hover = useRef<HTMLParagraphElement>(null);
  const plot = useRef<CurvePlot | null>(null);
  const newest = useRef(lines);
  newest.current = lines;
  const [steps, setSteps] = useQueryState('steps');
  const setNewest = useRef(setSteps);
  setNewest.current = setSteps;

  useEffect(() => {
    if (host.current === null) return;
    const made = new CurvePlot(host.current, {
      log,
      height,
      onHover: (text) => {
        if (hover.current !== null) hover.current.textContent = text ?? '';
      },
      onZoom: (span) => setNewest.current(spanText(span)),
    });
    plot.current = made;
    made.update(newest.current);
    return () => {
      made.destroy();
      plot.current = null;
    };
  }, [log, height]);
  useEffect(() => plot.current?.update(lines), [lines]);
  // Made anew for another axis, the plot is told again.
  useEffect(() => plot.current?.showSteps(readSpan(steps)), [steps, log, height]);

  const sentence = describeLines(title, lines);
  return (
    <figure className="chart">
      <div className="chart-head">
        <h3>{title}</h3>
        <div className="zoom">
          {ZOOMS.map(([sign, name, act]) => (
            <button
              key={name}
              type="button"
              className="quiet"
              title={name}
              aria-label={`${title}: ${name}`}
              onClick={() => plot.current !== null && act(plot.current)}
            >
              {sign}
            </button>
          ))}
          <button type="button" className="quiet" onClick={() => setSteps('')}>
            All steps
          </button>
        </div>
      </div>
      <div ref={host} role="img" aria-label={sentence} className="plot" />
      <p ref={hover} className="hover" aria-hidden="true" />
      {legend && (
        <ul className="legend">
          {lines.map(({ id, label, color }) => (
            <li key={id}>
              <Swatch color={color} /> {label}
            </li>
          ))}
        </ul>
      )}
      <figcaption className="hidden">{sentence}</figcaption>
      <LineTable title={title} lines={lines} />
    </figure>
  );
}
