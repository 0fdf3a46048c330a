import { dice } from '../format.ts';
import { interval } from '../statistics.ts';
import { ChartData } from './chart-data.tsx';

interface PairedProps {
  readonly nameA: string;
  readonly nameB: string;
  readonly pairs: readonly { readonly caseId: string; readonly a: number; readonly b: number }[];
  readonly hrefOf: (caseId: string) => string;
  /** False where the mean difference and its interval stand beside the plot. */
  readonly withInterval?: boolean;
}

const [WIDTH, HEIGHT, SIDE, TOP] = [420, 276, 110, 42];

/** The same cases by two runs, a line for each, and the mean difference with its interval. */
export function PairedPlot({ nameA, nameB, pairs, hrefOf, withInterval = true }: PairedProps) {
  const values = pairs.flatMap(({ a, b }) => [a, b]);
  const low = Math.max(0, values.reduce((least, value) => Math.min(least, value), 1) - 0.03);
  const high = Math.min(1, values.reduce((most, value) => Math.max(most, value), 0) + 0.03);
  const y = (value: number): number => TOP + (1 - (value - low) / (high - low || 1)) * (HEIGHT - TOP - 14);
  const difference = interval(pairs.map(({ a, b }) => b - a));
  const better = pairs.filter(({ a, b }) => b > a).length;
  const mean =
    difference === null || !withInterval
      ? ''
      : `; mean difference ${difference.mean >= 0 ? '+' : ''}${difference.mean.toFixed(3)} (95 % interval ${difference.low.toFixed(3)} to ${difference.high.toFixed(3)})`;
  const sentence = difference === null ? '' : `${nameB} is better on ${better} of ${pairs.length} cases${mean}.`;
  return (
    <figure className="chart narrow">
      <div className="chart-head">
        <figcaption>{sentence}</figcaption>
      </div>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        className="svg-chart"
        role="group"
        aria-label={`Dice case by case. ${sentence}`}
      >
        {[nameA, nameB].map((name, index) => (
          <text
            key={index === 0 ? 'a' : 'b'}
            x={index === 0 ? 4 : WIDTH - 4}
            y={14}
            textAnchor={index === 0 ? 'start' : 'end'}
            className="axis-name"
          >
            {name.length > 22 ? `${name.slice(0, 21)}…` : name}
          </text>
        ))}
        {[low, (low + high) / 2, high].map((value) => (
          <g key={value}>
            <line x1={SIDE} x2={WIDTH - SIDE} y1={y(value)} y2={y(value)} className="grid-line" />
            <text x={SIDE - 10} y={y(value) + 4} textAnchor="end">
              {value.toFixed(2)}
            </text>
          </g>
        ))}
        {pairs.map(({ caseId, a, b }) => (
          <a key={caseId} href={hrefOf(caseId)} aria-label={`${caseId}: ${dice(a)} and ${dice(b)}`}>
            <g className={b >= a ? 'pair up' : 'pair down'}>
              <title>{`${caseId}: ${dice(a)} → ${dice(b)}`}</title>
              <line x1={SIDE} x2={WIDTH - SIDE} y1={y(a)} y2={y(b)} />
              <circle cx={SIDE} cy={y(a)} r={3} />
              <circle cx={WIDTH - SIDE} cy={y(b)} r={3} />
            </g>
          </a>
        ))}
      </svg>
      <ChartData
        title="Dice case by case"
        head={['case', nameA, nameB === nameA ? `${nameB} (second)` : nameB]}
        rows={pairs.map(({ caseId, a, b }) => [caseId, a, b])}
      />
    </figure>
  );
}
