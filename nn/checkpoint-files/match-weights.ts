import type { Network, ParameterSpec } from '../network.ts';
import type { StateValues } from '../training-engine.ts';
import type { StoredTensor } from '../weights.ts';

/*
 * Warm starts: what of somebody's weights fits a network, by names and shapes.
 */

/** A network's parameters with what a file has for them. */
export interface MatchedWeights {
  /** In PyTorch's layout, by the network's names. */
  readonly values: StateValues;
  /** Parameters that the file has nothing for, each with the reason. */
  readonly missing: ReadonlyMap<string, string>;
  /** Tensors of the file that no parameter takes, by the file's names. */
  readonly unused: readonly string[];
  /** Share (0..1) of the network's values that were found. */
  readonly share: number;
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

function firstParts(names: Iterable<string>): string[] {
  const parts = [...names].filter((name) => name.includes('.')).map((name) => name.slice(0, name.indexOf('.') + 1));
  return [...new Set(parts)];
}

/**
 * Ways in which a file's names may differ from the network's as a whole: not at all; the network stands inside something
 * ("backbone."); or the file holds a part alone (a SwinUNETR's pretrained encoder without "swinViT.").
 */
function renamings(network: Network, names: readonly string[]): ((name: string) => string)[] {
  const outer = firstParts(names).map(
    (part) => (name: string) => (name.startsWith(part) ? name.slice(part.length) : name),
  );
  const inner = firstParts(network.specs.map(({ name }) => name)).map((part) => (name: string) => part + name);
  return [(name) => name, ...outer, ...inner];
}

function matchAs(
  network: Network,
  tensors: ReadonlyMap<string, StoredTensor>,
  rename: (name: string) => string,
): MatchedWeights {
  const specs = new Map(network.specs.map((spec) => [spec.name, spec]));
  const values = new Map<string, Float32Array>();
  const wrong = new Map<string, string>();
  const unused: string[] = [];
  for (const [stored, { dtype, shape, data }] of tensors) {
    const renamed = rename(stored);
    const name = network.stateDict?.aliases.get(renamed) ?? renamed;
    const spec = specs.get(name);
    const fits = spec !== undefined && dtype === 'F32' && spec.shape.join('x') === shape.join('x');
    if (fits) values.set(name, data as Float32Array);
    else unused.push(stored);
    if (spec !== undefined && !fits)
      wrong.set(name, `the file has it as ${shape.join('x')}, not ${spec.shape.join('x')}`);
  }
  const lacking = network.specs.filter(({ name }) => !values.has(name));
  const count = (of: readonly ParameterSpec[]): number => of.reduce((sum, spec) => sum + size(spec.shape), 0);
  return {
    values,
    missing: new Map(lacking.map(({ name }) => [name, wrong.get(name) ?? 'the file has none of this name'])),
    unused,
    share: 1 - count(lacking) / count(network.specs),
  };
}

/** What of a state dict fits a network: equal names and shapes, under the renaming that finds the most. */
export function matchWeights(network: Network, tensors: ReadonlyMap<string, StoredTensor>): MatchedWeights {
  const matches = renamings(network, [...tensors.keys()]).map((rename) => matchAs(network, tensors, rename));
  return matches.reduce((best, match) => (match.share > best.share ? match : best));
}

/** For people: how much was found, and the first few parameters that were not. */
export function describeMatch({ values, missing, share }: MatchedWeights): string {
  const all = values.size + missing.size;
  // Not rounded up: what is not all of them is less than 100 %.
  const percent = (Math.floor(1_000 * share) / 10).toFixed(1);
  const found = `${values.size} of ${all} parameters (${percent} % of the values) loaded`;
  if (missing.size === 0) return found;
  const named = [...missing].slice(0, 3).map(([name, why]) => `${name} (${why})`);
  const more = missing.size > named.length ? ` and ${missing.size - named.length} more` : '';
  return `${found}; not loaded: ${named.join(', ')}${more}`;
}
