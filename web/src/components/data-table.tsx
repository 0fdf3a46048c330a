import { type ReactNode, useMemo } from 'react';
import { saveCsv } from '../csv.ts';
import { useQueryState } from '../query-state.ts';
import { type Column, toCsv } from './columns.ts';
import { byValue, matchesFilter } from './table-filter.ts';

export type { Column };

interface TableProps<Row> {
  /** Names the table for screen readers and its CSV. */
  readonly name: string;
  /** Prefix of its parameters in the address, where a page has several tables. */
  readonly prefix?: string;
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  readonly rowKey: (row: Row) => string;
  /** "-dice": by dice, largest first. */
  readonly initialSort?: string;
  /** On a telephone each row is a card with its columns under each other: for few rows with sentences and buttons. */
  readonly cards?: boolean;
  readonly empty: ReactNode;
  readonly selection?: {
    readonly ids: ReadonlySet<string>;
    readonly toggle: (id: string) => void;
    readonly name: (row: Row) => string;
  };
  readonly tools?: ReactNode;
}

/** A table to sort, filter and choose columns of; all of that lives in the address. */
export function DataTable<Row>(props: TableProps<Row>) {
  const { name, prefix = '', rows, columns, rowKey, initialSort = '', cards, empty, selection, tools } = props;
  const [sort, setSort] = useQueryState(`${prefix}sort`, initialSort);
  const [filter, setFilter] = useQueryState(`${prefix}q`);
  const [chosen, setChosen] = useQueryState(`${prefix}columns`);
  const shown = columns.filter((column) => isShown(column, chosen));
  const sorted = useMemo(() => arrange(rows, columns, sort, filter), [rows, columns, sort, filter]);

  if (rows.length === 0) return <>{empty}</>;
  return (
    <div className="data-table">
      <div className="table-tools">
        <input
          type="search"
          aria-label={`Filter ${name}`}
          placeholder={filterHint(columns)}
          value={filter}
          onChange={(event) => setFilter(event.target.value)}
        />
        <span className="count" role="status">
          {sorted.length === rows.length ? `${rows.length}` : `${sorted.length} of ${rows.length}`}
        </span>
        <details className="menu">
          <summary>Columns</summary>
          <fieldset>
            <legend className="hidden">Columns of {name}</legend>
            {columns.map((column) => (
              <label key={column.id}>
                <input
                  type="checkbox"
                  checked={isShown(column, chosen)}
                  onChange={() => setChosen(toggled(columns, chosen, column.id))}
                />{' '}
                {column.title}
              </label>
            ))}
          </fieldset>
        </details>
        <button type="button" onClick={() => saveCsv(name, toCsv(sorted, columns))}>
          CSV
        </button>
        {tools}
      </div>
      <section className={cards === true ? 'scroll cards' : 'scroll'} aria-label={name} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {selection !== undefined && (
                <th scope="col">
                  <span className="hidden">Select</span>
                </th>
              )}
              {shown.map((column) => (
                <SortHeader key={column.id} column={column} sort={sort} setSort={setSort} />
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.map((row) => (
              <tr key={rowKey(row)}>
                {selection !== undefined && (
                  <td>
                    <input
                      type="checkbox"
                      aria-label={`Select ${selection.name(row)}`}
                      checked={selection.ids.has(rowKey(row))}
                      onChange={() => selection.toggle(rowKey(row))}
                    />
                  </td>
                )}
                {shown.map((column) => (
                  <td key={column.id} className={classOf(column, row)} data-title={column.title}>
                    {column.cell === undefined ? (column.value(row) ?? '–') : column.cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        {sorted.length === 0 && (
          <p className="empty">
            Nothing fits “{filter}”.{' '}
            <button type="button" onClick={() => setFilter('')}>
              Show all
            </button>
          </p>
        )}
      </section>
    </div>
  );
}

function SortHeader<Row>(props: {
  readonly column: Column<Row>;
  readonly sort: string;
  readonly setSort: (sort: string) => void;
}) {
  const { column, sort, setSort } = props;
  const direction = sort === column.id ? 'ascending' : sort === `-${column.id}` ? 'descending' : 'none';
  const next =
    direction === 'descending'
      ? column.id
      : direction === 'ascending'
        ? `-${column.id}`
        : column.numeric === true
          ? `-${column.id}`
          : column.id;
  return (
    <th scope="col" aria-sort={direction} className={column.numeric === true ? 'number' : undefined}>
      <button type="button" className="sort" onClick={() => setSort(next)}>
        {column.title}
        <span aria-hidden="true">{direction === 'ascending' ? ' ▲' : direction === 'descending' ? ' ▼' : ''}</span>
      </button>
    </th>
  );
}

/** A card leaves out what its row does not have. */
function classOf<Row>(column: Column<Row>, row: Row): string | undefined {
  const classes = [column.numeric === true ? 'number' : '', column.value(row) === null ? 'none' : ''];
  return classes.filter(Boolean).join(' ') || undefined;
}

/** What can be typed, by an example of a number that these rows have. */
function filterHint<Row>(columns: readonly Column<Row>[]): string {
  const numeric = columns.filter((column) => column.numeric === true);
  const example = numeric.find(({ id }) => /dice/i.test(id)) ?? numeric[0];
  if (example === undefined) return 'Filter: words …';
  return `Filter: words, ${example.id.toLowerCase()}>${/dice/i.test(example.id) ? '0.8' : '1'} …`;
}

function isShown<Row>(column: Column<Row>, chosen: string): boolean {
  return chosen === '' ? column.extra !== true : chosen.split(',').includes(column.id);
}

function toggled<Row>(columns: readonly Column<Row>[], chosen: string, id: string): string {
  return columns
    .filter((column) => (column.id === id ? !isShown(column, chosen) : isShown(column, chosen)))
    .map((column) => column.id)
    .join(',');
}

/** The rows as a table shows them by its order and filter. */
export function arrange<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  sort: string,
  filter: string,
): readonly Row[] {
  const found =
    filter.trim() === ''
      ? rows
      : rows.filter((row) =>
          matchesFilter(
            filter,
            columns
              .map((column) => column.value(row) ?? '')
              .join(' ')
              .toLowerCase(),
            (wanted) => {
              const column = columns.find(
                ({ id, title }) => id.toLowerCase() === wanted || title.toLowerCase().includes(wanted),
              );
              return column === undefined ? null : column.value(row);
            },
          ),
        );
  const column = columns.find(({ id }) => id === sort.replace(/^-/, ''));
  return column === undefined ? found : [...found].sort(byValue(column.value, sort.startsWith('-')));
}
