import { useState } from 'react';
import { saveCsv } from '../csv.ts';
import { number } from '../format.ts';

interface DataProps {
  readonly title: string;
  readonly head: readonly string[];
  /** A cell for each of `head`. */
  readonly rows: readonly (readonly (string | number | null)[])[];
}

/** A chart's data as a table and as CSV; the table is made when it is opened. */
export function ChartData({ title, head, rows }: DataProps) {
  const [open, setOpen] = useState(false);
  const isNumber = head.map((_, column) => rows.some((row) => typeof row[column] === 'number'));
  return (
    <details className="as-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {open && (
        <>
          <div className="scroll short" role="region" aria-label={`${title} as a table`} tabIndex={0}>
            <table>
              <thead>
                <tr>
                  {head.map((name, column) => (
                    <th scope="col" key={name} className={isNumber[column] ? 'number' : undefined}>
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((row, index) => (
                  <tr key={`${row[0]} ${index}`}>
                    {row.map((cell, column) => (
                      <td key={head[column]} className={isNumber[column] ? 'number' : undefined}>
                        {typeof cell === 'number' ? number(cell) : cell}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <button type="button" onClick={() => saveCsv(title, [head, ...rows])}>
            CSV
          </button>
        </>
      )}
    </details>
  );
}
