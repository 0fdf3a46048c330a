import { describe, expect, test } from 'vitest';
import { IDENTITY_AFFINE, type Vec3, voxelCount } from '../volume.ts';
import { runTransforms } from './compose.ts';
import { readTransforms } from './list.ts';
import type { Sample } from './sample.ts';

const shape: Vec3 = [6, 5, 4];
const sample: Sample = {
  image: {
    shape,
    channels: 1,
    data: Float32Array.from({ length: voxelCount(shape) }, (_, i) => Math.sin(i)),
    affine: IDENTITY_AFFINE,
  },
  label: {
    shape,
    data: Uint8Array.from({ length: voxelCount(shape) }, (_, i) => i % 3),
    affine: IDENTITY_AFFINE,
  },
};

/** What a transform was decided to do, with the same draws for each. */
function operationsOf(name: string, options: object): string {
  const { applied } = runTransforms(readTransforms([{ name, ...options }]), sample, 7);
  expect(applied).not.toHaveLength(0);
  return JSON.stringify(applied.map(({ operation }) => operation));
}

const always = { prob: 1 };
const elastic = { ...always, sigma_range: [1, 2], magnitude_range: [1, 2] };
const linear = { a_min: -1, a_max: 1 };
const crop = { spatial_size: 2 };
const classes = { ...crop, num_classes: 3 };
const everywhere = { allow_missing_keys: false };

describe('MONAI’s forms of a value mean what they mean there', () => {
  test.each([
    ['Spacingd', { pixdim: 1.5 }, { pixdim: [1.5, 1.5, 1.5] }],
    ['Spacingd', { pixdim: [1.5, 2] }, { pixdim: [1.5, 2, 2] }],
    ['Spacingd', { pixdim: [1.5, -1] }, { pixdim: [1.5, 1, 1] }],
    ['Orientationd', { axcodes: ['L', 'A', 'S'] }, { axcodes: 'LAS' }],
    ['Flipd', { spatial_axis: -1 }, { spatial_axis: 2 }],
    ['RandFlipd', { ...always, spatial_axis: [0, -1] }, { ...always, spatial_axis: [0, 2] }],
    ['Rotate90d', { k: -1, spatial_axes: [0, -1] }, { k: 3, spatial_axes: [0, 2] }],
    ['RandAffined', { ...always, rotate_range: 0.3 }, { ...always, rotate_range: [0.3, 0, 0] }],
    ['RandAffined', { ...always, shear_range: 0.3 }, { ...always, shear_range: [0.3, 0, 0, 0, 0, 0] }],
    ['RandAffined', { ...always, translate_range: 2 }, { ...always, translate_range: [[-2, 2]] }],
    ['RandAffined', { ...always, scale_range: 0.2, rotate_range: null }, { ...always, scale_range: [0.2, 0, 0] }],
    ['RandAffined', { ...always, padding_mode: ['zeros', 'zeros'] }, { ...always, padding_mode: 'zeros' }],
    ['Rand3DElasticd', { ...elastic, rotate_range: 0.3 }, { ...elastic, rotate_range: [0.3] }],
    ['RandZoomd', { ...always, min_zoom: [0.8], max_zoom: [1.2] }, { ...always, min_zoom: 0.8, max_zoom: 1.2 }],
    ['NormalizeIntensityd', { subtrahend: null, divisor: null }, {}],
    ['NormalizeIntensityd', { keys: 'image' }, { keys: ['image'] }],
    ['ScaleIntensityRanged', { ...linear, b_min: null, b_max: null }, { ...linear, b_min: 0, b_max: 1 }],
  ])('%s %j', (name, form, same) => {
    expect(operationsOf(name, form)).toBe(operationsOf(name, same));
  });

  test('two zooms are of the first two axes and of the third', () => {
    const options = { prob: 1, min_zoom: [0.5, 2], max_zoom: [0.5, 2] };
    expect(operationsOf('RandZoomd', options)).toBe(
      operationsOf('RandZoomd', { prob: 1, min_zoom: [0.5, 0.5, 2], max_zoom: [0.5, 0.5, 2] }),
    );
    expect(() => readTransforms([{ name: 'RandZoomd', min_zoom: [1, 1], max_zoom: [1, 1, 1] }])).toThrow(
      'as many axes',
    );
  });

  test('ranges of control points may be written either way round', () => {
    const points = (range: number[]) => operationsOf('RandHistogramShiftd', { prob: 1, num_control_points: range });
    expect(points([9, 4])).toBe(points([4, 9]));
  });
});

test('options that have one value here are taken with it, and change nothing', () => {
  for (const [name, needed, written] of [
    ['RandFlipd', always, { lazy: false }],
    ['RandAffined', always, { mode: ['bilinear', 'nearest'], cache_grid: true, spatial_size: null, device: null }],
    ['Rand3DElasticd', elastic, { mode: 'bilinear', spatial_size: null }],
    ['RandZoomd', always, { mode: ['trilinear', 'nearest'], keep_size: true, align_corners: null }],
    ['RandShiftIntensityd', { ...always, offsets: 1 }, { channel_wise: false, safe: false, factor_key: null }],
    ['RandScaleIntensityd', { ...always, factors: 1 }, { channel_wise: false }],
    ['RandGaussianSmoothd', always, { approx: 'erf' }],
    ['RandSimulateLowResolutiond', always, { downsample_mode: 'nearest', upsample_mode: 'trilinear' }],
    [
      'Orientationd',
      { axcodes: 'LPS' },
      {
        labels: [
          ['L', 'R'],
          ['P', 'A'],
          ['I', 'S'],
        ],
        lazy: false,
      },
    ],
    ['Spacingd', { pixdim: 2 }, { mode: ['bilinear', 'nearest'], padding_mode: ['border', 'border'], diagonal: false }],
    ['CropForegroundd', {}, { mode: 'constant', channel_indices: null, start_coord_key: null }],
    ['SpatialPadd', { spatial_size: 9 }, { mode: 'constant' }],
    ['RandCropByPosNegLabeld', crop, { label_key: 'label', num_samples: 1, image_key: null, allow_smaller: false }],
    ['RandCropByLabelClassesd', classes, { label_key: 'label', num_samples: 1, ratios: null, warn: true }],
  ] as const) {
    expect(operationsOf(name, { ...needed, ...written, ...everywhere })).toBe(operationsOf(name, needed));
  }
  const read = [
    { name: 'LoadImaged', keys: ['image', 'label'], image_only: true, ensure_channel_first: false, reader: null },
    { name: 'EnsureChannelFirstd', keys: 'image', channel_dim: 'no_channel', strict_check: true },
  ];
  expect(readTransforms(read)).toEqual(read);
});

describe('what is refused', () => {
  test('names and options that do not exist, all at once, with the nearest that do', () => {
    expect(() => readTransforms([{ name: 'RandFlip' }, { name: 'Spacingd', pixdims: [1, 1, 1] }])).toThrow(
      /\[0\]\.name: there is no transform "RandFlip"; did you mean RandFlipd\?[^]*\[1\] of Spacingd: [^\n]*pixdims; did you mean pixdim\?/,
    );
    expect(() => readTransforms([{ name: 'Watershed' }])).toThrow(/no transform "Watershed"; there are LoadImaged, /);
    expect(() => readTransforms([{ prob: 1 }, null])).toThrow(/\[0\] has no name: [^]*\[1\] is no transform/);
    expect(() => readTransforms([{ name: 'RandFlipd', prob: 2 }])).toThrow('the list of transforms is wrong');
  });

  test('what is no list, with how one is written', () => {
    expect(() => readTransforms({ name: 'RandFlipd' })).toThrow('one transform, RandFlipd, outside a list');
    expect(() => readTransforms('RandFlipd')).toThrow('no list');
  });

  test('an option of MONAI with a value that is not done here', () => {
    expect(() => readTransforms([{ name: 'RandShiftIntensityd', offsets: 1, channel_wise: true }])).toThrow(
      '[0].channel_wise of RandShiftIntensityd: only false is done here',
    );
    expect(() => readTransforms([{ name: 'RandCropByPosNegLabeld', spatial_size: 2, num_samples: 4 }])).toThrow(
      '[0].num_samples of RandCropByPosNegLabeld: only 1 is done here',
    );
    expect(() => readTransforms([{ name: 'RandZoomd', mode: 'area' }])).toThrow('zoomed trilinearly');
    expect(() => readTransforms([{ name: 'RandZoomd', padding_mode: ['edge', 'constant'] }])).toThrow('the same for');
    expect(() => readTransforms([{ name: 'ScaleIntensityRanged', a_min: 0, a_max: 1, b_min: 5 }])).toThrow(
      'give both b_min and b_max, or neither',
    );
  });

  test('what would part image and label, or change label values', () => {
    for (const keys of [['image'], ['image', 'image'], 'image', ['image', 'mask'], ['image', 'label', 'image']]) {
      expect(() => readTransforms([{ name: 'RandFlipd', keys }])).toThrow(
        /\[0\]\.keys.* of RandFlipd: image and label are changed together: write \["image", "label"\]/,
      );
    }
    for (const keys of [['label'], ['image', 'label'], 'label']) {
      expect(() => readTransforms([{ name: 'RandGaussianNoised', keys }])).toThrow("intensities are the image's alone");
    }
    expect(() => readTransforms([{ name: 'RandAffined', mode: ['bilinear', 'bilinear'] }])).toThrow(
      '[0].mode of RandAffined: images are sampled trilinearly, labels by the nearest voxel',
    );
  });
});
