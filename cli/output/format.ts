import Table from 'cli-table3';

/** A table for the terminal; the first row names the columns. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const drawn = new Table({ head: [...head], style: { head: [], border: [], compact: true } });
  for (const row of rows) drawn.push([...row]);
  return drawn.toString();
}

/** A Dice as people read it: 0.871, or a dash where there is none. */
export function diceText(dice: number | null | undefined): string {
  return dice === null || dice === undefined ? '–' : dice.toFixed(3);
}

/** A distance in mm: 1.41 mm, or a dash. */
export function distanceText(distanceMm: number | null | undefined): string {
  return distanceMm === null || distanceMm === undefined ? '–' : `${distanceMm.toFixed(2)} mm`;
}

/** A span of time: 47 s, 3:05 min, 2:10:00 h. */
export function durationText(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}:${pad(whole % 60)} min`;
  return `${Math.floor(whole / 3600)}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)} h`;
}

/** A bar of `width` characters, filled to `fraction` (0..1). */
export function bar(fraction: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * width);
  return `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`;
}

/** A share (0..1) as people read it: 1.4 %, or a dash. */
export function shareText(share: number | null | undefined): string {
  return share === null || share === undefined ? '–' : `${(100 * share).toFixed(1)} %`;
}
