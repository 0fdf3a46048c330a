/*
 * What Temporal takes as a cron expression (its server's scheduler/calendar.go), checked here as well: Temporal refuses
 * where the schedule is passed on to it, which may be after its user was answered. tests/schedules holds the two together.
 */

interface Field {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  /** Names that stand for numbers from `least` on; `letters` of one are enough. */
  readonly names?: readonly string[];
  readonly letters?: number;
}

const MONTHS = 'january february march april may june july august september october november december'.split(' ');
const WEEKDAYS = 'sunday monday tuesday wednesday thursday friday saturday'.split(' ');

const SECOND: Field = { name: 'second', least: 0, most: 59 };
const YEAR: Field = { name: 'year', least: 2000, most: 2100 };
const FIVE: readonly Field[] = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day of the month', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12, names: MONTHS, letters: 3 },
  { name: 'weekday', least: 0, most: 7, names: WEEKDAYS, letters: 2 },
];
const FIELDS: Readonly<Record<number, readonly Field[]>> = { 5: FIVE, 6: [...FIVE, YEAR], 7: [SECOND, ...FIVE, YEAR] };
const SHORTHANDS = /^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$/;

/** What is wrong with a cron expression, to be read after it ("has 3 fields, not five"); null where Temporal takes it. */
export function cronFault(expression: string): string | null {
  const text = (expression.split('#')[0] ?? '').trim();
  if (/^(CRON_)?TZ=/.test(text)) return 'names a time zone, which has a field of its own';
  if (text.startsWith('@every')) return 'is an interval, which has a trigger of its own';
  if (SHORTHANDS.test(text)) return null;
  const parts = text.split(/\s+/);
  const fields = FIELDS[parts.length];
  if (fields === undefined) return `has ${parts.length} fields, not five (minute hour day month weekday)`;
  for (const [index, field] of fields.entries()) {
    const fault = fieldFault(parts[index] ?? '', field);
    if (fault !== null) return fault;
  }
  return null;
}

/** A field is a list of `*`, values and ranges, each with a step where one is wanted: "1-5,10,*\/15". */
function fieldFault(text: string, field: Field): string | null {
  for (const part of text.split(',')) {
    const [range = '', step, ...more] = part.split('/');
    if (more.length > 0 || (step !== undefined && !/^0*[1-9]\d{0,8}$/.test(step))) {
      return `has "${part}" for the ${field.name}: a step is a number from 1 on`;
    }
    if (range === '*') continue;
    const ends = range.split('-').map((end) => valueOf(end, field));
    const [first, last = first] = ends;
    if (ends.length > 2 || first == null || last == null) {
      return `has "${part}" for the ${field.name}, which goes from ${field.least} to ${field.most}`;
    }
    if (last < first) return `has "${part}" for the ${field.name}, which ends before it begins`;
  }
  return null;
}

function valueOf(text: string, { least, most, names = [], letters = 1 }: Field): number | null {
  const word = text.toLowerCase();
  const named = word.length < letters ? -1 : names.findIndex((name) => name.startsWith(word));
  if (named >= 0) return least + named;
  if (!/^\d{1,9}$/.test(text)) return null;
  const value = Number(text);
  return value >= least && value <= most ? value : null;
}
