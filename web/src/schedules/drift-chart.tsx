import type { DriftPoint } from '@voxhelm/contracts/api-schedules';
import { counted } from '@voxhelm/contracts/words';
import { useWidth } from '../charts/use-width.ts';
import { saveCsv } from '../csv.ts';
import { exactMoment } from '../format.ts';

const [HEIGHT, LEFT, BOTTOM, EDGE] = [200, 44, 30, 14];

/** The drift that each firing measured, over time, against the schedule's limit. */
export function DriftChart({
  measured,
  limit,
}: {
  readonly measured: readonly DriftPoint[];
  readonly limit: number | null;
}) {
  const [ref, width] = useWidth<SVGSVGElement>(640);
  const points = measured
    .map(({ firingId, at, drift, feature }) => ({
      id: firingId,
      at: Date.parse(at),
      when: at,
      drift,
      feature: feature ?? '',
    }))
    .sort((a, b) => a.at - b.at);
  if (points.length === 0)
    return <p className="muted">No firing has measured a drift yet: it takes new cases and a champion.</p>;
  const [from, to] = [points[0]?.at ?? 0, points.at(-1)?.at ?? 0];
  const high = points.reduce((most, { drift }) => Math.max(most, drift), (limit ?? 0) * 1.2) * 1.1 || 1;
  const x = (at: number): number => LEFT + ((at - from) / (to - from || 1)) * (width - LEFT - EDGE);
  const y = (drift: number): number => HEIGHT - BOTTOM - (drift / high) * (HEIGHT - BOTTOM - EDGE);
  const last = points.at(-1);
  const sentence = `Drift over time: ${counted(points.length, 'measurement')}, the last ${last?.drift.toFixed(2)} (${last?.feature})${limit === null ? '' : `, limit ${limit}`}.`;
  return (
    <figure className="chart">
      <div className="chart-head">
        <figcaption>{sentence}</figcaption>
        <button
          type="button"
          className="quiet"
          onClick={() =>
            saveCsv('Drift', [['when', 'drift', 'feature'], ...points.map((one) => [one.when, one.drift, one.feature])])
          }
        >
          CSV
        </button>
      </div>
      <svg ref={ref} viewBox={`0 0 ${width} ${HEIGHT}`} className="svg-chart measured" role="img" aria-label={sentence}>
        {[0, 0.5, 1].map((part) => (
          <g key={part}>
            <line x1={LEFT} x2={width - EDGE} y1={y(high * part)} y2={y(high * part)} className="grid-line" />
            <text x={LEFT - 6} y={y(high * part) + 4} textAnchor="end">
              {(high * part).toFixed(1)}
            </text>
          </g>
        ))}
        {limit !== null && (
          <>
            <line x1={LEFT} x2={width - EDGE} y1={y(limit)} y2={y(limit)} className="limit-line" />
            <text x={LEFT + 4} y={y(limit) - 5}>
              limit {limit}
            </text>
          </>
        )}
        <polyline points={points.map(({ at, drift }) => `${x(at)},${y(drift)}`).join(' ')} className="drift-line" />
        {points.map(({ id, at, when, drift, feature }) => (
          <circle
            key={id}
            cx={x(at)}
            cy={y(drift)}
            r={3.5}
            className={limit !== null && drift > limit ? 'beyond' : 'within'}
          >
            <title>{`${exactMoment(when)}: ${drift.toFixed(2)} (${feature})`}</title>
          </circle>
        ))}
        {[from, to].map((at, index) => (
          <text key={index === 0 ? 'from' : 'to'} x={x(at)} y={HEIGHT - 8} textAnchor={index === 0 ? 'start' : 'end'}>
            {from === to && index === 1 ? '' : exactMoment(new Date(at).toISOString())}
          </text>
        ))}
      </svg>
    </figure>
  );
}
