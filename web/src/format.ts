/** A Dice or another number between 0 and 1; a dash where there is none. */
export function dice(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : value.toFixed(3);
}

/** A span of time in the two largest units that tell: "45 s", "3 min 20 s", "2 h 5 min", "1 d 4 h". */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–';
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 === 0 ? `${minutes} min` : `${minutes} min ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return hours % 24 === 0 ? `${hours / 24} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Time left as an interval: "2–4 min". */
export function timeLeft(range: readonly [number, number] | null): string {
  if (range === null) return '–';
  const [low, high] = range;
  const unit =
    high < 90 ? { size: 1, name: 's' } : high < 5_400 ? { size: 60, name: 'min' } : { size: 3_600, name: 'h' };
  const digits = unit.name === 'h' ? 1 : 0;
  const [from, to] = [(low / unit.size).toFixed(digits), (high / unit.size).toFixed(digits)];
  return from === to ? `${to} ${unit.name}` : `${from}–${to} ${unit.name}`;
}

/** Device time as hours. */
export function deviceHours(seconds: number): string {
  const hours = seconds / 3_600;
  return hours < 0.1 ? hours.toFixed(3) : hours < 10 ? hours.toFixed(2) : hours.toFixed(0);
}

/** A size in bytes with its unit. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** A number of whatever size in at most four significant digits. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(2);
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

/** A moment as the reader's own clock shows it. */
export function moment(iso: string | null): string {
  return iso === null ? '–' : inWords(new Date(iso), {});
}

/** A moment of a log, of runs that take days. */
export function momentToTheSecond(iso: string): string {
  return inWords(new Date(iso), { second: '2-digit' });
}

function inWords(date: Date, more: Intl.DateTimeFormatOptions): string {
  const year = date.getFullYear() === new Date().getFullYear() ? {} : { year: 'numeric' as const };
  return date.toLocaleString(undefined, {
    ...year,
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    ...more,
  });
}

/** A moment to the second with its time zone, for what happens at set times: "Nov 25, 07:50:30 PM GMT+1". */
export function exactMoment(iso: string | null): string {
  return iso === null ? '–' : exact(new Date(iso), true, true);
}

/** Moments in a row, the day said where it changes and the time zone once. */
export function exactMoments(isos: readonly string[]): string {
  const dates = isos.map((iso) => new Date(iso));
  const dayOf = (date: Date | undefined): string | undefined => date?.toDateString();
  return dates
    .map((date, index) => exact(date, dayOf(dates[index - 1]) !== dayOf(date), index === dates.length - 1))
    .join(', ');
}

function exact(date: Date, withDay: boolean, withZone: boolean): string {
  const year = date.getFullYear() === new Date().getFullYear() ? {} : { year: 'numeric' as const };
  return date.toLocaleString(undefined, {
    ...(withDay ? { ...year, month: 'short', day: 'numeric' } : {}),
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    ...(withZone ? { timeZoneName: 'short' } : {}),
  });
}

/** Any value of a plan or search space on one line. */
export function shown(value: unknown): string {
  if (typeof value === 'number') return number(value);
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return value.map(shown).join(' × ');
  if (Array.isArray(value)) return value.map(shown).join('; ');
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([name, inner]) => `${name} ${shown(inner)}`)
      .join(', ');
  }
  return value === undefined ? '–' : value === null ? 'none' : JSON.stringify(value);
}

/** A relative difference with its sign: 0.031 is "+3.1 %". */
export function percent(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  return `${value > 0 ? '+' : ''}${(value * 100).toFixed(1)} %`;
}
