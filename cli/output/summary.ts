import type { Analysis } from '@voxhelm/contracts/analysis';
import type { DatasetCheck } from '@voxhelm/contracts/dataset';
import { table } from './format.ts';
import { labelRows } from './label-rows.ts';

/** Prints what a dataset holds: cases, sizes, spacing, intensities, and each label's share. */
export function printSummary(check: DatasetCheck, analysis: Analysis | null): void {
  const { datalist } = check;
  const count = (role: DatasetCheck['cases'][number]['role']): number =>
    check.cases.filter((one) => one.role === role).length;
  process.stdout.write(`${datalist.name} (${datalist.layout}, ${datalist.root})\n`);
  process.stdout.write(
    `${count('training')} training cases, ${count('testing')} test cases${count('unlabelled') === 0 ? '' : `, ${count('unlabelled')} unlabelled`} · modality ${datalist.modalities.join(', ') || 'unknown'}\n`,
  );
  if (analysis === null) return;
  const { image_stats: image } = analysis.summary;
  const rows = [
    ['size (voxels)', axes(image.shape.min, 0), axes(image.shape.median, 0), axes(image.shape.max, 0)],
    ['spacing (mm)', axes(image.spacing.min, 2), axes(image.spacing.median, 2), axes(image.spacing.max, 2)],
    ['size (mm)', axes(image.sizemm.min, 0), axes(image.sizemm.median, 0), axes(image.sizemm.max, 0)],
  ];
  process.stdout.write(`\n${table(['', 'min', 'median', 'max'], rows)}\n`);
  const labels = labelRows(analysis, datalist);
  process.stdout.write(
    `${table(['label', 'name', 'share of voxels', 'mean intensity', 'components (max)'], labels)}\n`,
  );
}

function axes(value: number | number[], digits: number): string {
  return (Array.isArray(value) ? value : [value]).map((one) => one.toFixed(digits)).join(' × ');
}
