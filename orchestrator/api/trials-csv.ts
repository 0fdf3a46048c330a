import type { TrialView } from '@voxhelm/contracts/api';

const FIXED = [
  'number',
  'id',
  'kind',
  'algorithm',
  'fold',
  'state',
  'steps',
  'step',
  'bestStep',
  'bestDice',
  'dataWaitFraction',
  'startedAt',
  'finishedAt',
  'reason',
] as const;

/** A cell by RFC 4180; text that a spreadsheet would take for a formula is written behind an apostrophe. */
function cell(value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Trials as CSV: a row each, a column for every parameter that any of them has. `trial` counts from 1, as the page, the events and
 * `--log` do; `number` from 0, as the API does.
 */
export function trialsCsv(trials: readonly TrialView[]): string {
  const paths = [...new Set(trials.flatMap(({ point }) => Object.keys(point)))].sort((a, b) => (a < b ? -1 : 1));
  const rows = trials.map((trial) => [
    trial.number + 1,
    ...FIXED.map((key) => trial[key]),
    ...paths.map((path) => trial.point[path]),
  ]);
  return [['trial', ...FIXED, ...paths], ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}
