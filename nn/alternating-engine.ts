import type { MessagePort, Worker } from 'node:worker_threads';
import type { AlternatingProgram } from './compiled/alternating-program.ts';
import { openInThread, serveCalls } from './thread-calls.ts';
import type { StateValues } from './training-engine.ts';

/*
 * A compiled alternation as a search asks for it: in this thread, or in one of its own.
 */

type Step = AlternatingProgram['step'];

/** An {@link AlternatingProgram} whose answers may come from another thread. All calls are done in the order in which they were made. */
export interface AlternatingEngine {
  readonly groups: AlternatingProgram['groups'];
  read(group: string): Promise<StateValues>;
  assign(group: string, values: StateValues): Promise<void>;
  step(...given: Parameters<Step>): Promise<number>;
  close(): Promise<void>;
}

/** The engine of a program in this thread; its steps block. */
export function alternatingEngine(program: AlternatingProgram): AlternatingEngine {
  return {
    groups: program.groups,
    read: async (group) => program.read(group),
    assign: async (group, values) => program.assign(group, values),
    step: async (...given) => program.step(...given),
    close: async () => program.dispose(),
  };
}

/** Answers the requests of {@link connectAlternation} in this thread; `open` gets what was given there. */
export function serveAlternation<G extends readonly unknown[]>(
  port: MessagePort,
  open: (...given: G) => Promise<AlternatingEngine>,
): void {
  serveCalls(port, async (...given: G) => {
    const engine = await open(...given);
    return { facts: engine.groups, methods: engine };
  });
}

/** Opens an engine in a thread whose program calls {@link serveAlternation}. The thread ends with the engine. */
export async function connectAlternation(thread: Worker, ...given: readonly unknown[]): Promise<AlternatingEngine> {
  const { call, close, facts } = await openInThread(thread, ...given);
  return {
    groups: facts as AlternatingEngine['groups'],
    read: (group) => call('read', group) as Promise<StateValues>,
    assign: (group, values) => call('assign', group, values) as Promise<void>,
    step: (name, batch, numbers) => call('step', name, batch, numbers) as Promise<number>,
    close,
  };
}
