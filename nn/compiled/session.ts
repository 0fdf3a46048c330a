import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tf } from '../engine.ts';
import { type DataType, type Shape, sizeOf } from './data-types.ts';
import { type Graph, SAVED_MODEL_TAG, type Value } from './graph.ts';

/*
 * A graph loaded into TensorFlow, and runs of it. Feeds and results are plain arrays: no tfjs tensor is made.
 */

/** What a run is fed with. */
export type FeedValues = Float32Array | Int32Array | Uint8Array;

interface Binding {
  createTensor(shape: readonly number[], type: DataType, values: FeedValues): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): FeedValues;
  loadSavedModel(directory: string, tags: string): number;
  deleteSavedModel(id: number): void;
  runSavedModel(id: number, inputs: readonly number[], feeds: string, fetches: string): { id: number }[];
}

/** A fixed set of inputs and outputs. */
export interface Signature {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** A loaded graph. Its variables live as long as it. */
export interface Session {
  /**
   * Runs one signature; `feeds` in the order of its inputs. Blocks until it is done. Returns the outputs' values, or nothing
   * where `read` is false. Throws TensorFlow's own message.
   */
  run(signature: Signature, feeds: readonly FeedValues[], read?: boolean): FeedValues[];
  dispose(): void;
}

function outputName({ reference }: Value): string {
  return reference.includes(':') ? reference : `${reference}:0`;
}

/** Where TensorFlow's loader reads the graph from: memory where there is a file system of it, for it is read once. */
function writeModel(graph: Graph): string {
  const directory = mkdtempSync(join(tmpdir(), 'voxhelm-program-'));
  writeFileSync(join(directory, 'saved_model.pb'), graph.toSavedModel());
  return directory;
}

function checkFeeds(inputs: readonly Value[], feeds: readonly FeedValues[]): void {
  if (feeds.length !== inputs.length) throw new RangeError(`${feeds.length} feeds for ${inputs.length} inputs`);
  inputs.forEach(({ reference, shape }, i) => {
    // TensorFlow itself checks no shape of what a placeholder is fed with.
    if (feeds[i]?.length !== sizeOf(shape as Shape)) {
      throw new RangeError(`${reference} of shape [${shape}] was fed ${feeds[i]?.length} values`);
    }
  });
}

/** Loads a graph. TensorFlow checks each node's types and output shapes and throws where one is wrong. */
export function openSession(graph: Graph): Session {
  const { binding } = tf.backend() as unknown as { binding: Binding };
  const directory = writeModel(graph);
  let model: number;
  try {
    model = binding.loadSavedModel(directory, SAVED_MODEL_TAG);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return {
    run(signature, feeds, read = true) {
      const { inputs, outputs } = signature;
      checkFeeds(inputs, feeds);
      const ids = inputs.map(({ shape, type }, i) => binding.createTensor(shape, type, feeds[i] as FeedValues));
      try {
        const results = binding.runSavedModel(
          model,
          ids,
          inputs.map(outputName).join(','),
          outputs.map(outputName).join(','),
        );
        try {
          return read ? results.map(({ id }) => binding.tensorDataSync(id)) : [];
        } finally {
          for (const { id } of results) binding.deleteTensor(id);
        }
      } finally {
        for (const id of ids) binding.deleteTensor(id);
      }
    },
    dispose: () => binding.deleteSavedModel(model),
  };
}
