import { NumberTable } from '../components/number-table.tsx';
import { saveCsv } from '../csv.ts';
import { number } from '../format.ts';
import { AsTable } from './chart-data.tsx';
import { type Line, tableOfLines } from './lines.ts';

/** Rows and lines of a table that somebody can still read; the CSV has all. */
const [MOST_ROWS, MOST_LINES] = [100, 8];

/** A chart's curves in numbers: each line's ends, then its points, and all of them as CSV. */
export function LineTable({ title, lines }: { readonly title: string; readonly lines: readonly Line[] }) {
  return (
    <AsTable>
      {() => (
        <>
          <NumberTable
            short
            name={`${title} as a table`}
            columns={[
              { title: 'Line' },
              ...['Points', 'Lowest', 'Highest', 'Last'].map((name) => ({ title: name, numeric: true })),
            ]}
            rows={lines.map(({ id, label, values }) => ({
              key: id,
              cells: [
                label,
                values.length,
                number(values.length === 0 ? null : values.reduce((a, b) => Math.min(a, b))),
                number(values.length === 0 ? null : values.reduce((a, b) => Math.max(a, b))),
                number(values.at(-1)),
              ],
            }))}
          />
          <Points title={title} lines={lines} />
          <button
            type="button"
            onClick={() =>
              saveCsv(title, [
                ['line', 'step', 'value'],
                ...lines.flatMap(({ label, steps, values }) =>
                  steps.map((step, index) => [label, step, values[index]]),
                ),
              ])
            }
          >
            All points as CSV
          </button>
        </>
      )}
    </AsTable>
  );
}

function Points({ title, lines }: { readonly title: string; readonly lines: readonly Line[] }) {
  const shown = lines.filter(({ background }) => !background).slice(0, MOST_LINES);
  const { rows, steps } = tableOfLines(shown, MOST_ROWS);
  const less = [
    ...(rows.length < steps ? [`${rows.length} of ${steps} steps`] : []),
    ...(shown.length < lines.length ? [`${shown.length} of ${lines.length} lines`] : []),
  ];
  return (
    <>
      {less.length > 0 && <p className="muted">Here are {less.join(' and ')}; the CSV has all.</p>}
      <NumberTable
        short
        name={`${title}, points`}
        columns={[{ title: 'Step' }, ...shown.map(({ label }) => ({ title: label, numeric: true }))]}
        rows={rows.map(({ step, values }) => ({ key: `${step}`, cells: [step, ...values.map(number)] }))}
      />
    </>
  );
}
