import type { Analysis, CaseAnalysis } from '@voxhelm/contracts/analysis';
import type { Datalist, LabelGroup } from '@voxhelm/contracts/dataset';

/** A row of a dataset's table of labels: value, name, share of voxels, mean intensity, components. */
export type LabelRow = readonly [string, string, string, string, string];

/**
 * A row for each label; where labels are parts of one another a group's name stands beside the numbers of the whole group, after
 * the labels that it is made of. Shares and intensities are means over the cases that have it.
 */
export function labelRows({ summary, cases }: Analysis, { labels, labelGroups = [] }: Datalist): LabelRow[] {
  const names = new Map(labels.map((one) => [one.value, one.name]));
  const wholes = labelGroups.filter(({ values }) => values.length > 1);
  const alone = (value: number): string => {
    const whole = wholes.find(({ writes }) => writes === value);
    if (whole === undefined) return names.get(value) ?? '';
    const others = whole.values.filter((other) => other !== value).map((other) => names.get(other) ?? `label ${other}`);
    return `${whole.name} without ${others.join(', ')}`;
  };
  const ofLabels = summary.label_stats.label.map(
    (one): LabelRow => [
      String(one.value),
      alone(one.value),
      shown(Number(one.foreground_percentage.mean)),
      one.image_intensity.mean.toFixed(1),
      String(one.ncomponents.max),
    ],
  );
  return [...ofLabels, ...wholes.map((group) => groupRow(group, cases))];
}

/** Components of a group are not known: those of its labels may touch. */
function groupRow({ name, values }: LabelGroup, cases: readonly CaseAnalysis[]): LabelRow {
  const own = cases.flatMap(({ label_stats }) => {
    const parts = label_stats.label.filter(({ value }) => values.includes(value));
    const share = sum(parts.map((part) => part.foreground_percentage));
    if (share === 0) return [];
    const weighted = parts.map(
      (part) => part.foreground_percentage * mean(part.image_intensity.map((one) => one.mean)),
    );
    return [{ share, intensity: sum(weighted) / share }];
  });
  if (own.length === 0) return [values.join(' + '), name, '–', '–', '–'];
  const [share, intensity] = [mean(own.map((one) => one.share)), mean(own.map((one) => one.intensity))];
  return [values.join(' + '), name, shown(share), intensity.toFixed(1), '–'];
}

function shown(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
