import { fileURLToPath } from 'node:url';
import type { LabelGroup } from '@voxhelm/contracts/dataset';
import { checkAndAnalyze } from '@voxhelm/imaging/datasets/check-and-analyze';
import { readDatalist } from '@voxhelm/imaging/datasets/read-datalist';
import { expect, test } from 'vitest';
import { labelRows } from './label-rows.ts';

test("a group's name stands beside the numbers of the whole group, and its own label's beside what is left of it", async () => {
  const all = await readDatalist(fileURLToPath(new URL('../../samples/hippocampus', import.meta.url)));
  const { analysis } = await checkAndAnalyze({ ...all, training: all.training.slice(0, 3), testing: [] });
  if (analysis === null) throw new Error('the sample has no statistics');
  const labelGroups: LabelGroup[] = [
    { name: 'whole', values: [1, 2], writes: 1 },
    { name: 'tail', values: [2], writes: 2 },
  ];
  const labels = [
    { value: 0, name: 'background' },
    { value: 1, name: 'whole' },
    { value: 2, name: 'tail' },
  ];
  const rows = labelRows(analysis, { ...all, labels, labelGroups });
  expect(rows.map(([values, name]) => [values, name])).toEqual([
    ['0', 'background'],
    ['1', 'whole without tail'],
    ['2', 'tail'],
    ['1 + 2', 'whole'],
  ]);
  const shares = rows.map(([, , share]) => Number.parseFloat(share));
  expect(shares[3]).toBeCloseTo((shares[1] as number) + (shares[2] as number), 1);
  expect(shares[3]).toBeCloseTo(100 - (shares[0] as number), 1);
  const intensities = rows.map(([, , , intensity]) => Number(intensity));
  expect(intensities[3]).toBeGreaterThan(Math.min(intensities[1] as number, intensities[2] as number));
  expect(intensities[3]).toBeLessThan(Math.max(intensities[1] as number, intensities[2] as number));
  expect(labelRows(analysis, all).map(([, name]) => name)).toEqual(all.labels.map(({ name }) => name));
});
