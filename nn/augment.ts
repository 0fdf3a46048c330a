import type { DeviceAugmentation } from '@voxhelm/contracts/plan';
import { type Tensor, type Tensor5D, tf } from './engine.ts';
import { randomNormal, randomUniform } from './layers/dropout.ts';

/*
 * The training patches' random transforms on the device, from the step's seed: what imaging/transforms does in the loader's
 * threads, with the same distributions and other draws. Every sample goes through every transform, and one that it was not
 * drawn for leaves it as it is, so that the computation is the same each step.
 */

type Of<Name extends DeviceAugmentation['name']> = Extract<DeviceAugmentation, { name: Name }>;

/** Draws for one transform: uniform numbers a sample, [batch, 1, ...], each stream new. */
interface Draws {
  uniform(low: number, high: number, shape?: readonly number[]): Tensor;
  normal(shape: readonly number[]): Tensor;
  /** 1 with this probability, else 0. */
  chance(probability: number): Tensor;
}

/** Streams of a transform, far from those that layers number. */
const FIRST_STREAM = 1 << 20;
const STREAMS_EACH = 16;

function drawsOf(seed: Tensor, index: number, batch: number): Draws {
  let stream = FIRST_STREAM + STREAMS_EACH * index;
  const each = [batch, 1, 1, 1, 1];
  const uniform = (low: number, high: number, shape: readonly number[] = each): Tensor => {
    const drawn = randomUniform(shape, seed, stream++);
    return tf.add(tf.mul(drawn, high - low), low);
  };
  return {
    uniform,
    normal: (shape) => randomNormal(shape, seed, stream++),
    chance: (probability) => tf.cast(tf.less(uniform(0, 1), probability), 'float32'),
  };
}

/** Image [batch, x, y, z, channel] and classes int32 [batch, x, y, z]. */
export interface Patches {
  readonly image: Tensor5D;
  readonly classes: Tensor;
}

/**
 * Patches through the transforms in their order. `seed`: int32 [2]. Transforms that look beyond the patch, such as affine ones,
 * are the loader's. The caller disposes (call it within `tf.tidy`).
 */
export function augment(augmentations: readonly DeviceAugmentation[], patches: Patches, seed: Tensor): Patches {
  return augmentations.reduce((current, augmentation, index) => {
    const draws = drawsOf(seed, index, current.image.shape[0]);
    if (augmentation.name === 'flip') return flip(augmentation, draws, current);
    return { ...current, image: intensity(augmentation, draws, current.image) };
  }, patches);
}

function intensity(augmentation: Exclude<DeviceAugmentation, Of<'flip'>>, draws: Draws, image: Tensor5D): Tensor5D {
  switch (augmentation.name) {
    case 'gaussian-smooth':
      return gaussianSmooth(augmentation, draws, image);
    case 'gaussian-noise': {
      const deviation = tf.mul(
        draws.chance(augmentation.probability),
        draws.uniform(0, augmentation.standardDeviation),
      );
      return tf.add(image, tf.mul(draws.normal(image.shape), deviation));
    }
    case 'scale-intensity': {
      const chance = draws.chance(augmentation.probability);
      return tf.mul(image, tf.add(tf.mul(chance, draws.uniform(-augmentation.factor, augmentation.factor)), 1));
    }
    case 'shift-intensity': {
      const chance = draws.chance(augmentation.probability);
      return tf.add(image, tf.mul(chance, draws.uniform(-augmentation.offset, augmentation.offset)));
    }
    case 'gamma':
      return gamma(augmentation, draws, image);
  }
}

/** Mirrors each axis of each sample by its chance: one gather of whole voxels, for image and classes alike. */
function flip({ axes, probability }: Of<'flip'>, draws: Draws, { image, classes }: Patches): Patches {
  const [batch, sx, sy, sz, channels] = image.shape;
  const size = [sx, sy, sz];
  const strides = [sy * sz, sz, 1];
  const places = size.map((length, axis): Tensor => {
    const shape = [1, 1, 1, 1].map((one, i) => (i === axis + 1 ? length : one));
    const stride = strides[axis] as number;
    const forward = tf.tensor(
      Int32Array.from({ length }, (_, i) => i * stride),
      shape,
      'int32',
    );
    if (!axes.includes(axis)) return forward;
    const turned = tf.cast(tf.reshape(draws.chance(probability), [batch, 1, 1, 1]), 'int32');
    // What leads from i to length - 1 - i.
    const across = Int32Array.from({ length }, (_, i) => (length - 1 - 2 * i) * stride);
    return tf.add(forward, tf.mul(tf.tensor(across, shape, 'int32'), turned));
  });
  const place = tf.reshape(tf.add(tf.add(places[0] as Tensor, places[1] as Tensor), places[2] as Tensor), [-1]);
  const all = tf.reshape(place, [place.size / (sx * sy * sz), sx * sy * sz]);
  const index = all.shape[0] === batch ? all : tf.tile(all, [batch, 1]);
  const taken = (x: Tensor, shape: number[]): Tensor => tf.gather(tf.reshape(x, shape), index as never, 1, 1);
  return {
    image: tf.reshape(taken(image, [batch, sx * sy * sz, channels]), image.shape) as Tensor5D,
    classes: tf.reshape(taken(classes, [batch, sx * sy * sz]), classes.shape),
  };
}

/** Each channel, scaled to 0..1 by its own minimum and maximum, to a drawn power; a constant channel stays. */
function gamma({ probability, range }: Of<'gamma'>, draws: Draws, image: Tensor5D): Tensor5D {
  const chance = draws.chance(probability);
  const exponent = tf.add(tf.mul(chance, tf.sub(draws.uniform(range[0], range[1]), 1)), 1);
  const low = tf.min(image, [1, 2, 3], true);
  const span = tf.sub(tf.max(image, [1, 2, 3], true), low);
  const safe = tf.add(span, tf.cast(tf.equal(span, 0), 'float32'));
  const changed = tf.add(low, tf.mul(tf.pow(tf.div(tf.sub(image, low), safe), exponent), span));
  // Not by way of 0..1 where it stays: that rounds.
  return tf.add(image, tf.mul(tf.sub(changed, image), chance));
}

/** Beyond three standard deviations lie 0.3 % of a Gaussian. */
const KERNEL_SIGMAS = 3;

/** Blurs each axis by a drawn Gaussian, borders going on, as products with a band matrix a sample. */
function gaussianSmooth({ probability, sigmaVoxels }: Of<'gaussian-smooth'>, draws: Draws, image: Tensor5D): Tensor5D {
  const [batch, sx, sy, sz, channels] = image.shape;
  const [low, high] = sigmaVoxels;
  const reach = Math.ceil(KERNEL_SIGMAS * high);
  const chance = tf.reshape(draws.chance(probability), [batch, 1]);
  const bandOf = (length: number): Tensor => {
    const kernel = gaussianKernels(draws.uniform(low, high, [batch, 1]), chance, reach);
    return tf.reshape(tf.matMul(kernel as never, borderBands(length, reach)), [batch, length, length]);
  };
  const [bandX, bandY, bandZ] = [sx, sy, sz].map(bandOf) as [Tensor, Tensor, Tensor];
  const alongX = tf.matMul(bandX, tf.reshape(image, [batch, sx, sy * sz * channels]) as Tensor);
  const alongY = tf.matMul(
    tf.reshape(bandY, [batch, 1, sy, sy]) as Tensor,
    tf.reshape(alongX, [batch, sx, sy, sz * channels]) as Tensor,
  );
  // z last, so that with one channel the product is of large matrices.
  const lines = tf.transpose(tf.reshape(alongY, [batch, sx * sy, sz, channels]), [0, 3, 1, 2]);
  const alongZ = tf.matMul(tf.reshape(lines, [batch, channels * sx * sy, sz]) as Tensor, bandZ, false, true);
  return tf.reshape(
    tf.transpose(tf.reshape(alongZ, [batch, channels, sx * sy, sz]), [0, 2, 3, 1]),
    image.shape,
  ) as Tensor5D;
}

/** Weights by distance -reach..reach, [batch, 2 reach + 1], normalised; the identity where the chance is 0. */
function gaussianKernels(sigma: Tensor, chance: Tensor, reach: number): Tensor {
  const distance = tf.reshape(tf.range(-reach, reach + 1), [1, 2 * reach + 1]);
  const width = tf.maximum(sigma, 1e-3);
  const inside = tf.lessEqual(tf.abs(distance), tf.ceil(tf.mul(width, KERNEL_SIGMAS)));
  const bell = tf.mul(tf.exp(tf.mul(tf.square(tf.div(distance, width)), -0.5)), tf.cast(inside, 'float32'));
  const kernel = tf.div(bell, tf.sum(bell, 1, true));
  const identity = tf.cast(tf.equal(distance, 0), 'float32');
  return tf.add(identity, tf.mul(tf.sub(kernel, identity), chance));
}

/** For each distance the [length, length] matrix that reads the voxel so far away, the border where there is none. */
function borderBands(length: number, reach: number): Tensor {
  const bands = new Float32Array((2 * reach + 1) * length * length);
  for (let shift = -reach; shift <= reach; shift++) {
    for (let i = 0; i < length; i++) {
      const from = Math.min(length - 1, Math.max(0, i + shift));
      bands[((shift + reach) * length + i) * length + from] = 1;
    }
  }
  return tf.tensor(bands, [2 * reach + 1, length * length]);
}
