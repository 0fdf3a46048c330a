import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { fromErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';
import { typescriptThread } from '../typescript-loader.ts';
import type { CaseCacheSettings } from './case-cache.ts';
import type { LoaderReply, LoaderRequest, LoaderTask } from './messages.ts';

/** Threads that do {@link LoaderTask}s, each in the order in which it got them. */
export interface ThreadPool {
  readonly threads: number;
  /** Gives a task to the thread with the fewest waiting; it is posted at once, so that a busy main thread delays nothing. */
  ask(task: LoaderTask): Promise<unknown>;
  /** Gives a task to every thread. */
  askAll(task: LoaderTask): Promise<unknown[]>;
  close(): Promise<void>;
}

/** As many as keep a device busy without taking its cores: the device computes on all cores, a CPU included. */
export function loaderThreads(): number {
  return Math.max(1, Math.min(8, availableParallelism() - 1));
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/**
 * Starts loader threads; they end with {@link ThreadPool.close} or the process. With `cache` they keep preprocessed cases
 * on disk and look there first.
 */
export function openThreadPool(threads: number, cache: CaseCacheSettings | null = null): ThreadPool {
  let nextId = 0;
  const members = Array.from({ length: threads }, () => startMember());

  function startMember(): { worker: Worker; waiting: Map<number, Waiting> } {
    const worker = typescriptThread(new URL('./loader-thread.ts', import.meta.url), { cache });
    const waiting = new Map<number, Waiting>();
    worker.on('message', (reply: LoaderReply) => {
      const waiter = waiting.get(reply.id);
      waiting.delete(reply.id);
      if (waiting.size === 0) worker.unref();
      if ('error' in reply) waiter?.reject(fromErrorRecord(reply.error));
      else waiter?.resolve(reply.value);
    });
    const fail = (error: Error): void => {
      for (const waiter of waiting.values()) waiter.reject(error);
      waiting.clear();
    };
    worker.on('error', (error) => {
      const code = (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'out-of-memory' : 'internal';
      fail(new VoxhelmError(code, `a loader thread failed: ${error.message}`, { cause: error }));
    });
    worker.on('exit', () => fail(new VoxhelmError('cancelled', 'the loader threads were closed')));
    worker.unref();
    return { worker, waiting };
  }

  function post(member: { worker: Worker; waiting: Map<number, Waiting> }, task: LoaderTask): Promise<unknown> {
    nextId += 1;
    const request: LoaderRequest = { id: nextId, task };
    return new Promise((resolve, reject) => {
      member.waiting.set(request.id, { resolve, reject });
      member.worker.ref();
      member.worker.postMessage(request);
    });
  }

  return {
    threads,
    ask(task) {
      const member = members.reduce((least, other) => (other.waiting.size < least.waiting.size ? other : least));
      return post(member, task);
    },
    askAll: (task) => Promise.all(members.map((member) => post(member, task))),
    async close() {
      await Promise.all(members.map((member) => member.worker.terminate()));
    },
  };
}
