import type { ReactNode } from 'react';

/** A column's title; `numeric` ones stand flush right in digits of one width. */
export interface NumberColumn {
  readonly title: string;
  readonly numeric?: boolean;
}

interface NumberTableProps {
  /** Names it for screen readers: it can be scrolled sideways where the page is narrow. */
  readonly name: string;
  readonly columns: readonly NumberColumn[];
  readonly rows: readonly {
    readonly key: string;
    /** A cell for each column. */
    readonly cells: readonly ReactNode[];
  }[];
  /** In a frame of its own. */
  readonly framed?: boolean;
  /** Scrolls where it has many rows. */
  readonly short?: boolean;
  /** On a telephone each row is a card with its columns under each other: for few rows with sentences and buttons. */
  readonly cards?: boolean;
}

/** A small table to read, not to sort: the first cell of a row names it. */
export function NumberTable({ name, columns, rows, framed = false, short = false, cards = false }: NumberTableProps) {
  const classOf = (column: number): string | undefined => (columns[column]?.numeric === true ? 'number' : undefined);
  return (
    <div
      className={`scroll${framed ? ' panel' : ''}${short ? ' short' : ''}${cards ? ' cards' : ''}`}
      role="region"
      aria-label={name}
      tabIndex={0}
    >
      <table>
        <thead>
          <tr>
            {columns.map(({ title }, column) => (
              // Titles may repeat ("95 % interval").
              <th scope="col" key={`${column} ${title}`} className={classOf(column)}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, cells: [first, ...others] }) => (
            <tr key={key}>
              <th scope="row">{first}</th>
              {others.map((cell, index) => (
                <td
                  key={`${index + 1} ${columns[index + 1]?.title}`}
                  className={classOf(index + 1)}
                  data-title={columns[index + 1]?.title}
                >
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
