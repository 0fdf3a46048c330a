import type { Tensor, Tensor5D } from '../engine.ts';
import type { Parameters } from '../network.ts';
import { FLOAT } from './data-types.ts';
import type { Graph } from './graph.ts';
import type { ProgramSpec } from './program.ts';
import type { Signature } from './session.ts';
import { type TraceScope, trace } from './tracer.ts';
import { readVariable, type Variable } from './variables.ts';

/** A forward pass of a fixed number of windows. */
export interface PredictSignature {
  readonly count: number;
  /** Feeds: windows [count, x, y, z, channel]; output: logits [count, x, y, z, class]. */
  readonly signature: Signature;
}

/** Parameters of a trace, each variable read once. */
export function readParameters(
  graph: Graph,
  scope: TraceScope,
  spec: Pick<ProgramSpec, 'network'>,
  variables: readonly Variable[],
): Parameters {
  const tensors = variables.map((variable) => scope.tensor(readVariable(graph, variable)));
  return new Map(spec.network.specs.map(({ name }, i) => [name, tensors[i] as Tensor]));
}

/** Defines the forward pass in inference mode. */
export function definePrediction(
  graph: Graph,
  spec: ProgramSpec,
  variables: readonly Variable[],
  count: number,
): PredictSignature {
  const { network, patchSize, precision } = spec;
  const windows = graph.placeholder(`windows_${count}`, FLOAT, [count, ...patchSize, network.inChannels]);
  const [logits] = trace(graph, precision, (scope) => {
    const parameters = readParameters(graph, scope, spec, variables);
    const x = scope.tensor(windows) as Tensor5D;
    return network.forward(parameters, x, { training: false, seed: null }).slice(0, 1);
  });
  if (logits === undefined) throw new Error(`${network.class} has no output`);
  return { count, signature: { inputs: [windows], outputs: [graph.cast(logits, FLOAT)] } };
}
