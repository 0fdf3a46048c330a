import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { temporal } from '@temporalio/proto';

/*
 * Workflow histories as JSON files. By protobuf's static code: the SDK's own historyToJSON and historyFromJSON need a
 * single copy of protobufjs, and an npm workspace with other users of it has several.
 */

// CommonJS whose names Node cannot see from a module.
const proto = createRequire(import.meta.url)('@temporalio/proto') as { temporal: typeof temporal };
const { History } = proto.temporal.api.history.v1;

/** Where recorded histories lie. */
export const HISTORIES = fileURLToPath(new URL('../../tests/histories/', import.meta.url));

/** A workflow's history, as the client fetches it and a replay takes it. */
export type History = temporal.api.history.v1.History;

/** Writes a history, one event a line. */
export function writeHistory(path: string, history: temporal.api.history.v1.IHistory): void {
  const plain = History.toObject(History.fromObject(history), { longs: String, bytes: String, enums: String });
  const events = (plain['events'] as unknown[]).map((event) => JSON.stringify(event));
  writeFileSync(path, `{"events":[\n${events.join(',\n')}\n]}\n`);
}

/** Reads what {@link writeHistory} wrote. */
export function readHistory(path: string): History {
  return History.fromObject(JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>);
}
