import type { Tensor, Tensor5D } from './engine.ts';

/*
 * A network is a plain function of named parameters and a tensor. Axes of a patch are x, y, z.
 */

/** How a parameter's first values are drawn (PyTorch's rules, automl.md 9.14). */
export type Initialization =
  | { readonly rule: 'ones' }
  | { readonly rule: 'zeros' }
  /** Uniform in +-1/sqrt(fanIn): Kaiming uniform with a = sqrt(5), and PyTorch's biases. */
  | { readonly rule: 'uniform-fan-in'; readonly fanIn: number }
  /**
   * Normal with mean 0: Kaiming normal where the deviation is gain/sqrt(fanIn). `repeats`: so many entries of the first axis
   * beside each other are the same.
   */
  | { readonly rule: 'normal'; readonly standardDeviation: number; readonly repeats?: number }
  | { readonly rule: 'constant'; readonly value: number }
  /** Normal with mean 0 and deviations beyond -2..2 drawn again (PyTorch's trunc_normal_ for small deviations). */
  | { readonly rule: 'truncated-normal'; readonly standardDeviation: number };

/** One parameter under the name that the reference implementation (MONAI) gives it. */
export interface ParameterSpec {
  readonly name: string;
  /** PyTorch's layout: conv [out, in, kx, ky, kz], conv-transpose [in, out, kx, ky, kz], linear [out, in]. */
  readonly shape: readonly number[];
  /** Decides the layout that tfjs wants: see weights.ts. A "statistic" is not trained: see layers/running-statistics.ts. */
  readonly kind: 'conv' | 'conv-transpose' | 'linear' | 'scale' | 'vector' | 'statistic' | 'other';
  readonly init: Initialization;
}

/** Parameters by name, in tfjs layout. Whoever makes the map disposes of its tensors. */
export type Parameters = ReadonlyMap<string, Tensor>;

/** What a forward pass is for. */
export interface ForwardMode {
  readonly training: boolean;
  /** int32 [2] that random layers draw from (layers/dropout.ts), in training; null where none is to be random. */
  readonly seed: Tensor | null;
  /** True where blocks shall keep nothing of their inside for the gradient (recompute.ts). */
  readonly recompute?: boolean;
}

/** A tensor of a state dict that is no parameter. */
export interface StoredBuffer {
  readonly dtype: 'I64';
  readonly shape: readonly number[];
  readonly data: BigInt64Array;
}

/** A network of fixed options. */
export interface Network {
  /** The reference's class name, for example "SegResNetDS". */
  readonly class: string;
  /** The options as given, by the reference's names. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Number of outputs in training. */
  readonly heads: number;
  /** Each axis of a patch must be a multiple of this. */
  readonly divisor: readonly [number, number, number];
  /** In the order of the reference's state dict. */
  readonly specs: readonly ParameterSpec[];
  /** What the names of its encoder's parameters begin with: what can be frozen. Absent where it has none of its own. */
  readonly encoder?: readonly string[];
  /** What the original's state dict has beside the parameters, so that weights go from one to the other and back. */
  readonly stateDict?: {
    /** Second names of parameters, with the parameter's own. */
    readonly aliases: ReadonlyMap<string, string>;
    readonly buffers: () => ReadonlyMap<string, StoredBuffer>;
  };
  /**
   * Logits [batch, x, y, z, class], full resolution first; only the first when not training. `x`: [batch, x, y, z, channel].
   * The caller disposes (call it within `tf.tidy`).
   */
  forward(parameters: Parameters, x: Tensor5D, mode: ForwardMode): Tensor5D[];
}

/** Makes a network of its options (snake_case as the reference writes them); throws `invalid-request` naming a wrong one. */
export type NetworkFactory = (options: Record<string, unknown>) => Network;

/** Whether the loss moves a parameter; else it is a running statistic, in PyTorch a buffer. */
export function isTrained({ kind }: Pick<ParameterSpec, 'kind'>): boolean {
  return kind !== 'statistic';
}

/** Names of the running statistics. */
export function statisticNames({ specs }: Pick<Network, 'specs'>): ReadonlySet<string> {
  return new Set(specs.filter((spec) => !isTrained(spec)).map(({ name }) => name));
}

/** Number of trained values. */
export function parameterCount(network: Network): number {
  return network.specs
    .filter(isTrained)
    .reduce((sum, spec) => sum + spec.shape.reduce((product, n) => product * n, 1), 0);
}

/** The tensor of that name; a network that asks for one it did not declare is a fault of ours. */
export function parameter(parameters: Parameters, name: string): Tensor {
  const tensor = parameters.get(name);
  if (tensor === undefined) throw new Error(`parameter ${name} is missing`);
  return tensor;
}
