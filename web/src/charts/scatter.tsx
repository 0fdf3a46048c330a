import { Link } from 'wouter';
import { number } from '../format.ts';
import { ChartData } from './chart-data.tsx';
import { ticksOf } from './ticks.ts';

/** A point with where it leads. */
export interface Dot {
  readonly x: number;
  readonly y: number;
  readonly label: string;
  readonly href: string;
  readonly strong?: boolean;
}

interface ScatterProps {
  readonly title: string;
  readonly xName: string;
  readonly yName: string;
  readonly dots: readonly Dot[];
  /** Points of a step line, x ascending. */
  readonly line?: readonly (readonly [number, number])[];
}

const [WIDTH, HEIGHT, LEFT, BOTTOM, EDGE] = [520, 258, 52, 42, 28];

/** Points in a plane; each a link. The same as CSV, and a sentence. */
export function Scatter({ title, xName, yName, dots, line = [] }: ScatterProps) {
  const xs = [...dots.map(({ x }) => x), ...line.map(([x]) => x)];
  const ys = [...dots.map(({ y }) => y), ...line.map(([, y]) => y)];
  const [minX, maxX] = spread(xs);
  const [minY, maxY] = spread(ys);
  const px = (x: number): number => LEFT + ((x - minX) / (maxX - minX)) * (WIDTH - LEFT - EDGE);
  const py = (y: number): number => HEIGHT - BOTTOM - ((y - minY) / (maxY - minY)) * (HEIGHT - BOTTOM - EDGE);
  const [least, most] = extent(dots.map(({ x }) => x));
  const wholeX = dots.every(({ x }) => Number.isInteger(x));
  const steps = line.map(([x, y], index) => (index === 0 ? `M${px(x)},${py(y)}` : `H${px(x)}V${py(y)}`)).join('');
  const best = dots.reduce<Dot | null>((top, dot) => (top === null || dot.y > top.y ? dot : top), null);
  const sentence = `${title}: ${dots.length} points, ${xName} ${number(least)} to ${number(most)}, ${yName} up to ${number(best?.y)}${best === null ? '' : ` (${best.label})`}.`;
  return (
    <figure className="chart">
      <div className="chart-head">
        <h3>{title}</h3>
      </div>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} className="svg-chart" role="group" aria-label={sentence}>
        {ticksOf(minY, maxY).map(({ at, text }) => (
          <g key={text}>
            <line x1={LEFT} x2={WIDTH - EDGE} y1={py(at)} y2={py(at)} className="grid-line" />
            <text x={LEFT - 6} y={py(at) + 4} textAnchor="end">
              {text}
            </text>
          </g>
        ))}
        {ticksOf(minX, maxX, 5, wholeX).map(({ at, text }) => (
          <text key={text} x={px(at)} y={HEIGHT - BOTTOM + 15} textAnchor="middle">
            {text}
          </text>
        ))}
        <text x={(WIDTH + LEFT) / 2} y={HEIGHT - 6} textAnchor="middle">
          {xName}
        </text>
        <text x={2} y={13}>
          {yName}
        </text>
        {steps !== '' && <path d={steps} className="step-line" />}
        {dots.map((dot) => (
          <Link
            key={`${dot.label} ${dot.x}`}
            href={dot.href}
            aria-label={`${dot.label}: ${xName} ${number(dot.x)}, ${yName} ${number(dot.y)}`}
          >
            <circle
              cx={px(dot.x)}
              cy={py(dot.y)}
              r={dot.strong === true ? 5 : 3.5}
              className={dot.strong === true ? 'dot strong' : 'dot'}
            >
              <title>{`${dot.label}: ${xName} ${number(dot.x)}, ${yName} ${number(dot.y)}`}</title>
            </circle>
          </Link>
        ))}
      </svg>
      <ChartData title={title} head={['what', xName, yName]} rows={dots.map(({ label, x, y }) => [label, x, y])} />
    </figure>
  );
}

function extent(values: readonly number[]): [number, number] {
  return [
    values.reduce((a, b) => Math.min(a, b), values[0] ?? 0),
    values.reduce((a, b) => Math.max(a, b), values[0] ?? 1),
  ];
}

/** The extent with room at both ends. */
function spread(values: readonly number[]): [number, number] {
  const [low, high] = extent(values);
  const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [low - room, high + room];
}
