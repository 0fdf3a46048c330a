import { type ReactNode, useState } from 'react';
import { NumberTable } from '../components/number-table.tsx';
import { saveCsv } from '../csv.ts';
import { number } from '../format.ts';

interface DataProps {
  readonly title: string;
  readonly head: readonly string[];
  /** A cell for each of `head`. */
  readonly rows: readonly (readonly (string | number | null)[])[];
}

/** What a chart shows in numbers, made when it is opened. */
export function AsTable({ children }: { readonly children: () => ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="as-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {open && children()}
    </details>
  );
}

/** A chart's data as a table and as CSV. */
export function ChartData({ title, head, rows }: DataProps) {
  return (
    <AsTable>
      {() => (
        <>
          <NumberTable
            short
            name={`${title} as a table`}
            columns={head.map((name, column) => ({
              title: name,
              numeric: rows.some((row) => typeof row[column] === 'number'),
            }))}
            rows={rows.map((row, index) => ({
              key: `${row[0]} ${index}`,
              cells: row.map((cell) => (typeof cell === 'number' ? number(cell) : cell)),
            }))}
          />
          <button type="button" onClick={() => saveCsv(title, [head, ...rows])}>
            CSV
          </button>
        </>
      )}
    </AsTable>
  );
}
