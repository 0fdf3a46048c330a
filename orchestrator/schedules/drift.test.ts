import type { CaseAnalysis } from '@voxhelm/contracts/analysis';
import { normalQuantile } from '@voxhelm/search/normal-distribution';
import { streamByKeys } from '@voxhelm/search/random';
import { describe, expect, test } from 'vitest';
import { driftOf } from './drift.ts';

/** A case with one channel: foreground about `level`, `sizeMm` along each axis, label 1 a tenth of it. */
function madeUp(caseId: string, level: number, sizeMm = 40, spacing = 1): CaseAnalysis {
  const intensity = {
    max: level * 2,
    mean: level,
    median: level,
    min: 0,
    stdev: level / 4,
    percentile_00_5: level / 2,
    percentile_10_0: level / 1.5,
    percentile_90_0: level * 1.2,
    percentile_99_5: level * 1.8,
  };
  const size = [sizeMm, sizeMm, sizeMm];
  return {
    caseId,
    image_filepath: '',
    label_filepath: '',
    image_stats: {
      shape: [size],
      channels: 1,
      cropped_shape: [size],
      spacing: [spacing, spacing, spacing],
      sizemm: [size],
      intensity: [intensity],
    },
    image_foreground_stats: { intensity: [intensity] },
    label_stats: {
      labels: [0, 1],
      image_intensity: [intensity],
      label: [
        { value: 1, image_intensity: [intensity], foreground_percentage: 0.1, shape: [[4, 4, 4]], ncomponents: 1 },
      ],
    },
  };
}

/** Levels as scanners give them, one of them in other units altogether. */
const LEVELS = [340, 393, 422, 347, 326, 383, 556, 502, 476, 368, 452, 122_058];
const trained = LEVELS.map((level, index) => madeUp(`t${index}`, level, 38 + (index % 5)));

describe('the drift of new cases', () => {
  test('cases of the same kind lie near', () => {
    const [farthest] = driftOf(trained, [madeUp('a', 405, 40), madeUp('b', 360, 41), madeUp('c', 480, 39)]);
    expect(farthest?.distance).toBeLessThan(1);
  });

  test('scaled intensities lie far, one odd scan among the trained ones notwithstanding, and are named', () => {
    const [farthest] = driftOf(
      trained,
      LEVELS.slice(0, 4).map((level, index) => madeUp(`s${index}`, 3 * level, 40)),
    );
    expect(farthest?.feature).toContain('intensity');
    expect(farthest?.distance).toBeGreaterThan(5);
    expect(farthest?.found).toBeGreaterThan(farthest?.trained ?? 0);
  });

  test('one odd scan among the new ones is no drift', () => {
    const fresh = [400, 410, 420, 122_058].map((level, index) => madeUp(`n${index}`, level, 40));
    expect(driftOf(trained, fresh)[0]?.distance).toBeLessThan(1.5);
  });

  test('another voxel size is seen though the trained ones had no spread', () => {
    const [farthest] = driftOf(trained, [madeUp('a', 400, 40, 1.5), madeUp('b', 400, 40, 1.5)]);
    expect(farthest?.feature).toMatch(/^voxel size/);
    expect(farthest?.distance).toBeGreaterThan(3);
  });

  test('a statistic that was always nought is measured by the spread of the foreground', () => {
    const dark = (one: CaseAnalysis, level: number): CaseAnalysis => {
      const intensity = one.image_stats.intensity.map((own) => ({ ...own, median: level }));
      return { ...one, image_stats: { ...one.image_stats, intensity } };
    };
    const before = trained.map((one) => dark(one, 0));
    const now = [dark(madeUp('a', 400), 0.5), dark(madeUp('b', 410), 0.5)];
    expect(driftOf(before, now)[0]?.distance).toBeLessThan(3);
    const [farthest] = driftOf(before, [dark(madeUp('a', 400), 60), dark(madeUp('b', 410), 60)]);
    expect(farthest).toMatchObject({ feature: 'image intensity, median', trained: 0, found: 60 });
    expect(farthest?.distance).toBeLessThan(100);
  });

  test('nothing new, or nothing trained, has no drift', () => {
    expect(driftOf(trained, [])).toEqual([]);
    expect(driftOf([], trained)).toEqual([]);
  });
});

describe('by chance', () => {
  const TRAINED = 28;
  const TRIES = 300;

  /** A case whose statistics vary as those of scans do, each by itself: intensities by 20 %, sizes by 8 %, volumes by 25 %. */
  function drawn(random: () => number, scale = 1): CaseAnalysis {
    const about = (middle: number, share: number): number => middle * Math.exp(share * normalQuantile(random()));
    const one = madeUp('x', about(400, 0.2) * scale, 40);
    const [own] = one.image_foreground_stats.intensity;
    if (own === undefined) throw new Error('a case has a channel');
    const intensity = {
      ...own,
      stdev: about(own.stdev, 0.15),
      percentile_00_5: about(own.percentile_00_5, 0.15),
      percentile_99_5: about(own.percentile_99_5, 0.15),
    };
    const sizemm = [[about(40, 0.08), about(50, 0.08), about(35, 0.08)]];
    const labels = [1, 2].flatMap((value) =>
      one.label_stats.label.map((label) => ({ ...label, value, foreground_percentage: about(0.1, 0.25) })),
    );
    return {
      ...one,
      image_stats: { ...one.image_stats, sizemm, intensity: [{ ...own, median: about(100 * scale, 0.3) }] },
      image_foreground_stats: { intensity: [intensity] },
      label_stats: { ...one.label_stats, label: labels },
    };
  }

  /** Share of tries in which new cases of these scales pass a limit. */
  function passing(limit: number, scales: readonly number[]): number {
    const random = streamByKeys('drift', ...scales);
    let passed = 0;
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const before = Array.from({ length: TRAINED }, () => drawn(random));
      const [farthest] = driftOf(
        before,
        scales.map((scale) => drawn(random, scale)),
      );
      if ((farthest?.distance ?? 0) > limit) passed++;
    }
    return passed / TRIES;
  }

  test('4 new cases of the same kind seldom pass the limit that the documents name, nor do 2, 8 or 28', () => {
    for (const count of [2, 4, 8, TRAINED]) expect(passing(3.5, Array(count).fill(1))).toBeLessThan(0.05);
  });

  test('4 cases whose intensities are 1.5 times as high mostly do, and so do 8 of which half are 3 times as high', () => {
    expect(passing(3.5, Array(4).fill(1.5))).toBeGreaterThan(0.8);
    expect(passing(3.5, [1, 1, 1, 1, 3, 3, 3, 3])).toBeGreaterThan(0.8);
  });
});
