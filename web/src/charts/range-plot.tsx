import { number } from '../format.ts';
import { ChartData } from './chart-data.tsx';

/** One quantity's spread. */
export interface Range {
  readonly name: string;
  readonly min: number;
  readonly low: number;
  readonly middle: number;
  readonly high: number;
  readonly max: number;
}

interface RangeProps {
  readonly title: string;
  readonly unit: string;
  readonly rows: readonly Range[];
  /** What `min` and `max` are, where they are not the least and the most. */
  readonly ends?: readonly [string, string];
}

const [WIDTH, ROW, LEFT, RIGHT, HEAD] = [460, 30, 104, 16, 8];

/** Spreads beneath each other on one scale: line from least to most, box of the middle four fifths, bar at the median. */
export function RangePlot({ title, unit, rows, ends = ['least', 'most'] }: RangeProps) {
  const low = rows.reduce((least, row) => Math.min(least, row.min), rows[0]?.min ?? 0);
  const high = rows.reduce((most, row) => Math.max(most, row.max), rows[0]?.max ?? 1);
  const room = (high - low) * 0.05 || Math.abs(high) * 0.1 || 1;
  const x = (value: number): number => LEFT + ((value - low + room) / (high - low + 2 * room)) * (WIDTH - LEFT - RIGHT);
  const height = HEAD + rows.length * ROW + 22;
  const sentence = `${title}: ${rows.map((row) => `${row.name} median ${number(row.middle)}${unit === '' ? '' : ` ${unit}`}, ${ends[0]} ${number(row.min)}, ${ends[1]} ${number(row.max)}`).join('; ')}.`;
  return (
    <figure className="chart">
      <div className="chart-head">
        <h3>
          {title}
          {unit === '' ? '' : `, ${unit}`}
        </h3>
      </div>
      <svg viewBox={`0 0 ${WIDTH} ${height}`} className="svg-chart" role="img" aria-label={sentence}>
        {[low, (low + high) / 2, high].map((value, index) => (
          <g key={index === 0 ? 'low' : index === 1 ? 'middle' : 'high'}>
            <line x1={x(value)} x2={x(value)} y1={HEAD} y2={height - 18} className="grid-line" />
            <text x={x(value)} y={height - 4} textAnchor="middle">
              {Number(value.toPrecision(3))}
            </text>
          </g>
        ))}
        {rows.map((row, index) => {
          const y = HEAD + index * ROW + ROW / 2;
          return (
            <g key={row.name} className="range">
              <text x={LEFT - 8} y={y + 4} textAnchor="end">
                {row.name.length > 15 ? `${row.name.slice(0, 14)}…` : row.name}
              </text>
              <line x1={x(row.min)} x2={x(row.max)} y1={y} y2={y} />
              <rect x={x(row.low)} width={Math.max(1, x(row.high) - x(row.low))} y={y - 7} height={14} />
              <line x1={x(row.middle)} x2={x(row.middle)} y1={y - 9} y2={y + 9} className="median" />
            </g>
          );
        })}
      </svg>
      <ChartData
        title={title}
        head={[unit === '' ? 'what' : `what (in ${unit})`, ends[0], '10 %', 'median', '90 %', ends[1]]}
        rows={rows.map((row) => [row.name, row.min, row.low, row.middle, row.high, row.max])}
      />
    </figure>
  );
}
