import type { ReactNode } from 'react';
import type { CsvCell } from '../csv.ts';
import type { CellValue } from './table-filter.ts';

/** A column: `value` sorts, filters and exports; `cell` is what is seen where that differs. */
export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  readonly value: (row: Row) => CellValue;
  readonly cell?: (row: Row) => ReactNode;
  readonly numeric?: boolean;
  /** What `value` counts in where the title does not say it ("s", "bytes", "of 1"); stands in the CSV's first row. */
  readonly unit?: string;
  /** Not shown until it is chosen. */
  readonly extra?: boolean;
}

/** A table's rows for {@link saveCsv}, all columns, with the units of their numbers. */
export function toCsv<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): CsvCell[][] {
  const titles = columns.map(({ title, unit }) => (unit === undefined ? title : `${title} (${unit})`));
  return [titles, ...rows.map((row) => columns.map((column) => column.value(row)))];
}
