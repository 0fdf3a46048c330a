import { type Tensor5D, tf } from '@voxhelm/nn/engine';
import { pointwiseConv } from '@voxhelm/nn/layers/conv';
import { convTranspose } from '@voxhelm/nn/layers/conv-transpose';
import {
  type ForwardMode,
  type Network,
  type NetworkFactory,
  type ParameterSpec,
  type Parameters,
  parameter,
} from '@voxhelm/nn/network';
import { blockOf } from '@voxhelm/nn/recompute';
import {
  convNormAct,
  convNormSpecs,
  convSpecs,
  residualBlock,
  residualSpecs,
  stack,
  stackSpecs,
} from './network-blocks.ts';
import {
  type PlainOptions,
  type ResidualOptions,
  readPlainOptions,
  readResidualOptions,
  type Triple,
  type UnetOptions,
} from './network-options.ts';

/*
 * nnU-Net's networks: Isensee et al., "nnU-Net: a self-configuring method for deep learning-based biomedical image
 * segmentation", Nature Methods 2021, doi:10.1038/s41592-020-01008-z; as dynamic_network_architectures 0.4.4 builds them.
 * A U-Net whose decoder upsamples by transposed convolution and joins the skip's channels to its own, with a head at each
 * resolution. The encoder is plain (PlainConvUNet) or residual (ResidualEncoderUNet).
 */

function plainEncoderSpecs(options: PlainOptions): ParameterSpec[] {
  return options.features.flatMap((out, stage) => {
    const into = stage === 0 ? options.inChannels : (options.features[stage - 1] as number);
    const [convs, kernel] = [options.encoderConvs[stage] as number, options.kernels[stage] as Triple];
    return stackSpecs(`encoder.stages.${stage}.0`, convs, out, into, kernel, options);
  });
}

/** The output of each stage, finest first. */
function plainEncode(parameters: Parameters, image: Tensor5D, options: PlainOptions, mode: ForwardMode): Tensor5D[] {
  let x = image;
  return options.encoderConvs.map((convs, stage) => {
    const name = `encoder.stages.${stage}.0`;
    x = blockOf(mode, parameters, `${name}.`, [x] as const, (own, [input]) =>
      stack(own, name, convs, input, options, options.strides[stage]),
    );
    return x;
  });
}

function residualEncoderSpecs(options: ResidualOptions): ParameterSpec[] {
  const kernel = options.kernels[0] as Triple;
  const stem = convNormSpecs('encoder.stem.convs.0', options.stemChannels, options.inChannels, kernel, options);
  const stages = options.features.flatMap((out, stage) =>
    Array.from({ length: options.encoderBlocks[stage] as number }, (_, i) => {
      const before = stage === 0 ? options.stemChannels : (options.features[stage - 1] as number);
      const stride: Triple = i === 0 ? (options.strides[stage] as Triple) : [1, 1, 1];
      const into = i === 0 ? before : out;
      const name = `encoder.stages.${stage}.blocks.${i}`;
      return residualSpecs(name, out, into, options.kernels[stage] as Triple, stride, options);
    }).flat(),
  );
  return [...stem, ...stages];
}

function residualEncode(
  parameters: Parameters,
  image: Tensor5D,
  options: ResidualOptions,
  mode: ForwardMode,
): Tensor5D[] {
  let x = convNormAct(parameters, 'encoder.stem.convs.0', image, options);
  return options.features.map((out, stage) => {
    for (let i = 0; i < (options.encoderBlocks[stage] as number); i++) {
      const stride: Triple = i === 0 ? (options.strides[stage] as Triple) : [1, 1, 1];
      const name = `encoder.stages.${stage}.blocks.${i}`;
      x = blockOf(mode, parameters, `${name}.`, [x] as const, (own, [input]) =>
        residualBlock(own, name, input, out, stride, options),
      );
    }
    return x;
  });
}

/** What a decoder step (coarsest first) goes from and to. */
function decoderStep(options: UnetOptions, step: number) {
  const level = options.features.length - 2 - step;
  return {
    level,
    below: options.features[level + 1] as number,
    channels: options.features[level] as number,
    stride: options.strides[level + 1] as Triple,
    kernel: options.kernels[level] as Triple,
  };
}

/** In the package's order: all stages, then all transposed convolutions, then all heads. */
function decoderSpecs(options: UnetOptions): ParameterSpec[] {
  const steps = options.decoderConvs.map((convs, step) => ({ convs, step, ...decoderStep(options, step) }));
  return [
    ...steps.flatMap(({ convs, step, channels, kernel }) =>
      stackSpecs(`decoder.stages.${step}`, convs, channels, 2 * channels, kernel, options),
    ),
    ...steps.flatMap(({ step, below, channels, stride }) =>
      convSpecs(`decoder.transpconvs.${step}`, 'conv-transpose', [below, channels], stride, options.convBias),
    ),
    ...steps.flatMap(({ step, channels }) =>
      convSpecs(`decoder.seg_layers.${step}`, 'conv', [options.classes, channels], [1, 1, 1], true),
    ),
  ];
}

/** Logits of each head, finest first. The heads of coarser steps have parameters even where only the finest is used. */
function decode(
  parameters: Parameters,
  skips: Tensor5D[],
  options: UnetOptions,
  heads: number,
  mode: ForwardMode,
): Tensor5D[] {
  let x = skips.at(-1) as Tensor5D;
  const logits: Tensor5D[] = [];
  options.decoderConvs.forEach((convs, step) => {
    const { level, stride } = decoderStep(options, step);
    const name = `decoder.transpconvs.${step}`;
    x = convTranspose(x, parameter(parameters, `${name}.weight`), stride);
    if (options.convBias) x = tf.add(x, parameter(parameters, `${name}.bias`));
    const stage = `decoder.stages.${step}`;
    x = blockOf(mode, parameters, `${stage}.`, [x, skips[level] as Tensor5D] as const, (own, [up, skip]) =>
      stack(own, stage, convs, tf.concat([up, skip], 4), options),
    );
    if (level >= heads) return;
    const head = `decoder.seg_layers.${step}`;
    logits.unshift(pointwiseConv(x, parameter(parameters, `${head}.weight`), parameter(parameters, `${head}.bias`)));
  });
  return logits;
}

/**
 * The package keeps each convolution and norm a second time in a sequence ("all_modules"), and the encoder a second time in
 * the decoder; its state dict names them all.
 */
function aliasesOf(specs: readonly ParameterSpec[], { activationFirst }: UnetOptions): Map<string, string> {
  const places = { conv: 0, norm: activationFirst ? 2 : 1 };
  const second = (name: string) =>
    name.replace(
      /\.(conv|norm)\.(weight|bias)$/,
      (_, part: 'conv' | 'norm', kind) => `.all_modules.${places[part]}.${kind}`,
    );
  return new Map(
    specs.flatMap(({ name }) => {
      const names = second(name) === name ? [] : [second(name)];
      const inside = name.startsWith('encoder.') ? [name, ...names].map((each) => `decoder.${each}`) : [];
      return [...names, ...inside].map((alias) => [alias, name] as const);
    }),
  );
}

function unet<Options extends UnetOptions>(
  className: string,
  given: Record<string, unknown>,
  options: Options,
  encoder: {
    specs(options: Options): ParameterSpec[];
    encode(parameters: Parameters, image: Tensor5D, options: Options, mode: ForwardMode): Tensor5D[];
  },
): Network {
  const heads = options.deepSupervision ? options.decoderConvs.length : 1;
  const divisor = [0, 1, 2].map((axis) =>
    options.strides.reduce((product, stride) => product * (stride[axis] as number), 1),
  );
  const specs = [...encoder.specs(options), ...decoderSpecs(options)];
  return {
    class: className,
    options: given,
    inChannels: options.inChannels,
    outChannels: options.classes,
    heads,
    divisor: divisor as unknown as Triple,
    encoder: ['encoder.'],
    specs,
    stateDict: { aliases: aliasesOf(specs, options), buffers: () => new Map() },
    forward(parameters, x, mode) {
      const skips = encoder.encode(parameters, x, options, mode);
      return decode(parameters, skips, options, mode.training ? heads : 1, mode);
    },
  };
}

/**
 * PlainConvUNet of the package's options (network-options.ts). Throws `invalid-request` naming a wrong option.
 */
export const plainConvUNet: NetworkFactory = (given) =>
  unet('PlainConvUNet', given, readPlainOptions(given), { specs: plainEncoderSpecs, encode: plainEncode });

/**
 * ResidualEncoderUNet of the package's options (network-options.ts). Throws `invalid-request` naming a wrong option.
 */
export const residualEncoderUNet: NetworkFactory = (given) =>
  unet('ResidualEncoderUNet', given, readResidualOptions(given), {
    specs: residualEncoderSpecs,
    encode: residualEncode,
  });
