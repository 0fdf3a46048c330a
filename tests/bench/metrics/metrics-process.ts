import { join } from 'node:path';
import { METRICS, type ScoreField } from '@voxhelm/contracts/metrics';
import { confusionOf } from '@voxhelm/imaging/metrics/confusion';
import { diceOf, iouOf, overlapsOf } from '@voxhelm/imaging/metrics/dice';
import { evaluateCase } from '@voxhelm/imaging/metrics/evaluate';
import { evaluateFolders } from '@voxhelm/imaging/metrics/evaluate-folders';
import { readLabel } from '@voxhelm/imaging/nifti';
import { say } from '../lib/json-lines.ts';
import { median } from '../lib/statistics.ts';
import type { MeasuredPart, MetricsSetting, Part } from './setting.ts';

/*
 * Measures the product's own functions on one pair of label maps. Argument: a MetricsSetting as JSON; prints one JSON line
 * with its MeasuredParts. The counterpart is anchor/metrics.py.
 */

type Scores = MeasuredPart['scores'];

const setting = JSON.parse(process.argv[2] as string) as MetricsSetting;
const prediction = await readLabel(join(setting.predictions, setting.file));
const truth = await readLabel(join(setting.labels, setting.file));
const values = Array.from({ length: setting.classes }, (_, index) => index + 1);

const CALLS: Readonly<Record<Part, () => Scores | Promise<Scores>>> = {
  overlaps: () => {
    const overlaps = overlapsOf(
      confusionOf(prediction.data, truth.data),
      values.map((value) => [value]),
    );
    return { dice: overlaps.map(diceOf), iou: overlaps.map(iouOf) };
  },
  files: async () => {
    const chosen = { metrics: ['dice', 'iou'] } as const;
    const { cases } = await evaluateFolders(setting.predictions, setting.labels, setting.toleranceMm, chosen);
    return fieldsOf(cases[0]?.classes ?? {}, ['dice', 'iou']);
  },
  distances: () => {
    const { classes } = evaluateCase('case', prediction, truth, values, setting.toleranceMm);
    return fieldsOf(classes, Object.values(METRICS));
  },
};

function fieldsOf(
  classes: Readonly<Record<string, Partial<Record<ScoreField, number | null>>>>,
  fields: readonly ScoreField[],
): Scores {
  return Object.fromEntries(fields.map((field) => [field, values.map((value) => classes[value]?.[field] ?? null)]));
}

const measured: MeasuredPart[] = [];
for (const part of setting.parts) {
  const startedAt = performance.now();
  const scores = await CALLS[part]();
  const firstMs = performance.now() - startedAt;
  const times: number[] = [];
  for (const until = performance.now() + setting.measureMs; performance.now() < until; ) {
    const from = performance.now();
    await CALLS[part]();
    times.push(performance.now() - from);
  }
  measured.push({ part, by: 'Voxhelm', firstMs, ms: times.length === 0 ? firstMs : median(times), scores });
}
say({ measured });
