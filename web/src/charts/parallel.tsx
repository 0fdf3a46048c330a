import { type PointerEvent, useRef, useState } from 'react';
import { Link } from 'wouter';
import { dice, number, shown } from '../format.ts';
import { useQueryState } from '../query-state.ts';
import { type Brushes, brushed, brushesAsText, brushesOf } from './brushes.ts';
import { ChartData } from './chart-data.tsx';

/** A trial as a line through the axes. */
export interface ParallelLine {
  readonly id: string;
  readonly label: string;
  readonly href: string;
  readonly values: Readonly<Record<string, number | string | null>>;
  /** 0..1: how good it is. */
  readonly rank: number;
}

interface ParallelProps {
  readonly axes: readonly { readonly id: string; readonly title: string }[];
  readonly lines: readonly ParallelLine[];
}

const [HEIGHT, TOP, BOTTOM] = [312, 46, 14];
/** Width of a letter of an axis's name, pixels. */
const LETTER = 7;

/** Pixels between axes and beside the outer ones, for their names; four axes fit a telephone, more of them scroll. */
const [WIDE, NARROW] = [
  { gap: 130, side: 60 },
  { gap: 84, side: 38 },
];

interface Scale {
  /** 0 at the lowest value, 1 at the highest. */
  readonly position: (value: number | string | null) => number | null;
  /** The value at a position, in words. */
  readonly at: (part: number) => string;
  readonly ends: readonly [string, string];
}

/** An axis's name in two lines at most: the algorithm over its parameter. */
const wordsOf = (title: string): string[] => {
  const [first = '', ...others] = title.split(' ');
  return others.length === 0 ? [first] : [first, others.join(' ')];
};

const yAt = (part: number): number => HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP);
const partAt = (y: number): number => Math.min(1, Math.max(0, (HEIGHT - BOTTOM - y) / (HEIGHT - BOTTOM - TOP)));

/** Parallel coordinates: drag along an axis to keep only the trials that pass there. */
export function ParallelCoordinates({ axes, lines }: ParallelProps) {
  const [kept, setKept] = useQueryState('keep');
  // While an axis is dragged over it is not written into the address, which browsers let change only so often.
  const [drawn, setDrawn] = useState<Brushes | null>(null);
  const brushes = drawn ?? brushesOf(kept);
  const keep = (wanted: Brushes): void => {
    setDrawn(null);
    setKept(brushesAsText(wanted));
  };
  const dragging = useRef<{ axis: string; from: number } | null>(null);
  const svg = useRef<SVGSVGElement>(null);
  const scales = new Map(axes.map(({ id }) => [id, scaleOf(lines.map(({ values }) => values[id] ?? null))]));
  const at = (line: ParallelLine, id: string): number | null =>
    scales.get(id)?.position(line.values[id] ?? null) ?? null;
  const passes = (line: ParallelLine): boolean =>
    Object.entries(brushes).every(([id, [low, high]]) => {
      const part = at(line, id);
      return !scales.has(id) || (part !== null && part >= low && part <= high);
    });
  const base = matchMedia('(max-width: 640px)').matches ? NARROW : WIDE;
  const longest = Math.max(0, ...axes.flatMap(({ title }) => title.split(' ').map((word) => word.length))) * LETTER;
  const gap = Math.max(base.gap, longest + LETTER);
  const side = Math.max(base.side, longest / 2 + 2);
  const width = side * 2 + gap * Math.max(1, axes.length - 1);
  const partOf = (event: PointerEvent): number => {
    const box = svg.current?.getBoundingClientRect();
    return box === undefined ? 0 : partAt(((event.clientY - box.top) / box.height) * HEIGHT);
  };
  const chosen = lines.filter(passes).sort((a, b) => b.rank - a.rank);
  const isBrushed = Object.keys(brushes).length > 0;
  return (
    <figure className="chart">
      <div className="chart-head">
        <h3>Parallel coordinates</h3>
        <button type="button" className="quiet" disabled={!isBrushed} onClick={() => keep({})}>
          All trials
        </button>
      </div>
      <div className="scroll" role="region" aria-label="Parallel coordinates" tabIndex={0}>
        <svg
          ref={svg}
          viewBox={`0 0 ${width} ${HEIGHT}`}
          width={width}
          className="parallel"
          role="img"
          aria-label={`${lines.length} trials over ${axes.map(({ title }) => title).join(', ')}; the table of trials has the same values.`}
          onPointerMove={(event) => {
            const drag = dragging.current;
            if (drag === null) return;
            setDrawn(brushed(brushes, drag.axis, [drag.from, partOf(event)]));
          }}
          onPointerUp={() => {
            dragging.current = null;
            if (drawn !== null) keep(drawn);
          }}
        >
          {[...lines]
            .sort((a, b) => Number(passes(a)) - Number(passes(b)) || a.rank - b.rank)
            .map((line) => {
              const points = axes.flatMap(({ id }, index) => {
                const part = at(line, id);
                return part === null ? [] : [`${side + index * gap},${yAt(part).toFixed(1)}`];
              });
              return (
                <polyline
                  key={line.id}
                  points={points.join(' ')}
                  className={passes(line) ? 'line' : 'line off'}
                  strokeOpacity={passes(line) ? 0.25 + 0.75 * line.rank : 0.12}
                />
              );
            })}
          {axes.map(({ id, title }, index) => {
            const x = side + index * gap;
            const brush = brushes[id];
            return (
              <g key={id}>
                {wordsOf(title).map((word, line) => (
                  <text
                    key={word}
                    x={x}
                    y={13 + 13 * (line + (title.includes(' ') ? 0 : 1))}
                    textAnchor="middle"
                    className="axis-name"
                  >
                    {word}
                  </text>
                ))}
                <text x={x} y={TOP - 6} textAnchor="middle">
                  {scales.get(id)?.ends[1]}
                </text>
                <text x={x} y={HEIGHT - 2} textAnchor="middle">
                  {scales.get(id)?.ends[0]}
                </text>
                <line x1={x} x2={x} y1={TOP} y2={HEIGHT - BOTTOM} className="axis" />
                {brush !== undefined && (
                  <rect
                    x={x - 8}
                    width={16}
                    y={yAt(brush[1])}
                    height={yAt(brush[0]) - yAt(brush[1])}
                    className="brush"
                  />
                )}
                <rect
                  x={x - 14}
                  width={28}
                  y={TOP}
                  height={HEIGHT - BOTTOM - TOP}
                  className="grip"
                  onPointerDown={(event) => {
                    event.currentTarget.setPointerCapture(event.pointerId);
                    dragging.current = { axis: id, from: partOf(event) };
                  }}
                />
              </g>
            );
          })}
        </svg>
      </div>
      <AxisSliders axes={axes} scales={scales} brushes={brushes} keep={keep} />
      {isBrushed && (
        <p role="status">
          {chosen.length} trials pass:{' '}
          {chosen.slice(0, 12).map((line) => (
            <Link key={line.id} href={line.href} className="inline">
              {line.label} ({dice(line.values['dice'] as number | null)})
            </Link>
          ))}
        </p>
      )}
      <ChartData
        title="Parallel coordinates"
        head={['trial', ...axes.map(({ title }) => title)]}
        rows={chosen.map((line) => [line.label, ...axes.map(({ id }) => line.values[id] ?? null)])}
      />
    </figure>
  );
}

interface SlidersProps {
  readonly axes: ParallelProps['axes'];
  readonly scales: ReadonlyMap<string, Scale>;
  readonly brushes: Brushes;
  readonly keep: (brushes: Brushes) => void;
}

/** What dragging along an axis does, for keyboards: the lowest and the highest value that a trial may have. */
function AxisSliders({ axes, scales, brushes, keep }: SlidersProps) {
  return (
    <details className="as-table">
      <summary>Keep only some values</summary>
      <div className="form-grid">
        {axes.map(({ id, title }) => {
          const range = brushes[id] ?? [0, 1];
          return (
            <fieldset key={id}>
              <legend>{title}</legend>
              {(['from', 'to'] as const).map((end, index) => (
                <label key={end} className="layer">
                  <span>
                    {end} {scales.get(id)?.at(range[index] as number)}
                  </span>
                  <input
                    type="range"
                    min="0"
                    max="1"
                    step="0.01"
                    value={range[index]}
                    aria-label={`${title}, ${end}`}
                    aria-valuetext={scales.get(id)?.at(range[index] as number)}
                    onChange={(event) => {
                      const value = Number(event.target.value);
                      keep(
                        brushed(
                          brushes,
                          id,
                          index === 0 ? [Math.min(value, range[1]), range[1]] : [range[0], Math.max(value, range[0])],
                        ),
                      );
                    }}
                  />
                </label>
              ))}
            </fieldset>
          );
        })}
      </div>
    </details>
  );
}

function scaleOf(values: readonly (number | string | null)[]): Scale {
  const numbers = values.filter((value) => typeof value === 'number');
  if (numbers.length === values.filter((value) => value !== null).length && numbers.length > 0) {
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    // Learning rates and the like spread over decades.
    const log = low > 0 && high / low > 30;
    const [from, to] = log ? [Math.log(low), Math.log(high)] : [low, high];
    return {
      position: (value) =>
        typeof value === 'number' ? (to === from ? 0.5 : ((log ? Math.log(value) : value) - from) / (to - from)) : null,
      at: (part) => number(log ? Math.exp(from + part * (to - from)) : from + part * (to - from)),
      ends: [number(low), number(high)],
    };
  }
  const words = [...new Set(values.filter((value) => value !== null).map(String))].sort((a, b) => a.localeCompare(b));
  return {
    position: (value) =>
      value === null ? null : words.length < 2 ? 0.5 : words.indexOf(String(value)) / (words.length - 1),
    at: (part) => shown(words[Math.round(part * (words.length - 1))] ?? ''),
    ends: [shown(words[0] ?? ''), words.length < 2 ? '' : shown(words.at(-1))],
  };
}
