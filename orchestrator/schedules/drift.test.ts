import type { CaseAnalysis } from '@voxhelm/contracts/analysis';
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

  test('nothing new, or nothing trained, has no drift', () => {
    expect(driftOf(trained, [])).toEqual([]);
    expect(driftOf([], trained)).toEqual([]);
  });
});
