import { caseStatistics } from '@voxhelm/imaging/analysis/case-statistics';
import { summarizeAnalysis } from '@voxhelm/imaging/analysis/summary';
import { readImage, readLabel } from '@voxhelm/imaging/nifti';
import { z } from 'zod';
import { dataPath } from '../data-path.ts';
import { type ParityRow, parityRow } from '../row.ts';

/** 1e-3 relative; where the reference is 0, 1e-6 of the field's largest value (../shared/reference/README.md). */
const TOLERANCE = 1e-3;
const ZERO_TOLERANCE = 1e-6;

const Paths = z.union([z.string(), z.array(z.string()).min(1)]);
const Reference = z.object({
  kind: z.literal('analysis'),
  stats_summary: z.record(z.string(), z.unknown()).optional(),
  stats_by_cases: z.array(z.looseObject({ image_filepath: Paths, label_filepath: z.string() })).min(1),
});

/** Repeats an analysis over the cases that the reference names; one row per field, with its largest error over cases. */
export async function check(reference: unknown, dataFolder: string): Promise<ParityRow[]> {
  const { stats_by_cases: expectedCases, stats_summary: expectedSummary } = Reference.parse(reference);
  const rows = new Rows();
  const cases = [];
  for (const expected of expectedCases) {
    const images = [expected.image_filepath].flat().map((path) => dataPath(dataFolder, path));
    const label = await readLabel(dataPath(dataFolder, expected.label_filepath));
    const names = { caseId: expected.label_filepath, image: '', label: '' };
    const actual = caseStatistics(await readImage(images), label, names);
    cases.push(actual);
    compareObjects(rows, 'case', expected, actual);
  }
  if (expectedSummary !== undefined) compareObjects(rows, 'summary', expectedSummary, summarizeAnalysis(cases));
  return rows.list();
}

/** The numbers of each field, gathered over cases, so that "the field's largest value" is known where one is 0. */
class Rows {
  readonly #pairs = new Map<string, { expected: number; actual: number }[]>();
  readonly #different = new Set<string>();

  add(part: string, expected: number, actual: number): void {
    const pairs = this.#pairs.get(part) ?? [];
    pairs.push({ expected, actual });
    this.#pairs.set(part, pairs);
  }

  /** The two sides hold different things. */
  differ(part: string): void {
    this.#pairs.set(part, this.#pairs.get(part) ?? []);
    this.#different.add(part);
  }

  list(): ParityRow[] {
    return [...this.#pairs].map(([part, pairs]) => {
      if (this.#different.has(part)) return parityRow(part, Number.POSITIVE_INFINITY, TOLERANCE);
      const largest = Math.max(...pairs.map(({ expected }) => Math.abs(expected)));
      const errors = pairs.map(({ expected, actual }) => relativeError(expected, actual, largest));
      return parityRow(part, Math.max(...errors), TOLERANCE);
    });
  }
}

/** Relative to the expected value; against 0, scaled so that 1e-6 of the field's largest value is the tolerance. */
function relativeError(expected: number, actual: number, largest: number): number {
  const difference = Math.abs(actual - expected);
  if (!Number.isFinite(difference)) return Number.POSITIVE_INFINITY;
  if (difference === 0) return 0;
  if (expected !== 0) return difference / Math.abs(expected);
  return largest === 0
    ? (difference / ZERO_TOLERANCE) * TOLERANCE
    : (difference / (largest * ZERO_TOLERANCE)) * TOLERANCE;
}

function compareObjects(rows: Rows, part: string, expected: Record<string, unknown>, actual: object): void {
  const known = actual as Record<string, unknown>;
  for (const [key, value] of Object.entries(expected)) {
    if (key === 'image_filepath' || key === 'label_filepath' || key === 'image_histogram') continue;
    compare(rows, `${part}.${key}`, value, known[key]);
  }
}

/** The reference's field decides what is compared; a list of one number and a bare number are the same. */
function compare(rows: Rows, part: string, expected: unknown, actual: unknown): void {
  if (typeof expected === 'number') {
    if (typeof actual === 'number') rows.add(part, expected, actual);
    else if (Array.isArray(actual) && actual.length === 1) compare(rows, part, expected, actual[0]);
    else rows.differ(part);
    return;
  }
  if (Array.isArray(expected)) {
    const list = matched(expected, actual);
    if (list === null) rows.differ(part);
    else for (const [index, entry] of expected.entries()) compare(rows, part, entry, list[index]);
    return;
  }
  if (typeof expected !== 'object' || expected === null || typeof actual !== 'object' || actual === null) {
    if (expected !== actual) rows.differ(part);
    return;
  }
  compareObjects(rows, part, expected as Record<string, unknown>, actual);
}

/** A list of as many entries; one row of numbers where we keep one per channel counts as the first channel's. */
function matched(expected: readonly unknown[], actual: unknown): readonly unknown[] | null {
  if (!Array.isArray(actual)) return null;
  if (typeof expected[0] === 'number' && Array.isArray(actual[0]) && actual.length === 1)
    return matched(expected, actual[0]);
  return actual.length === expected.length ? actual : null;
}
