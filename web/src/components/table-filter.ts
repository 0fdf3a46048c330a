/** A value that a table sorts, filters and exports. */
export type CellValue = string | number | null;

/**
 * A filter as people type it: words that a row must hold, and conditions on numbers ("dice>0.8", "fold=1"), all of which
 * must fit. `numberOf` gives a column's value by part of its title or id.
 */
export function matchesFilter(filter: string, text: string, numberOf: (column: string) => CellValue): boolean {
  return filter
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .every((word) => {
      const condition = /^([a-z][\w.]*)(<=|>=|<|>|=)(.+)$/.exec(word);
      if (condition === null) return text.includes(word);
      const [, column = '', operator = '', wanted = ''] = condition;
      return compare(numberOf(column), operator, wanted);
    });
}

function compare(value: CellValue, operator: string, wanted: string): boolean {
  if (value === null) return false;
  if (typeof value === 'string') return operator === '=' && value.toLowerCase() === wanted;
  const limit = Number(wanted);
  if (operator === '=') return value === limit;
  if (operator === '<') return value < limit;
  if (operator === '>') return value > limit;
  return operator === '<=' ? value <= limit : value >= limit;
}

/** Sorts by a value, numbers as numbers; what is missing comes last either way. */
export function byValue<Row>(value: (row: Row) => CellValue, descending: boolean): (a: Row, b: Row) => number {
  return (rowA, rowB) => {
    const [a, b] = [value(rowA), value(rowB)];
    if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
    const order =
      typeof a === 'number' && typeof b === 'number'
        ? a - b
        : String(a).localeCompare(String(b), undefined, { numeric: true });
    return descending ? -order : order;
  };
}
