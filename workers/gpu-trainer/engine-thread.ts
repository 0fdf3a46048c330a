import { type MessagePort, parentPort } from 'node:worker_threads';
import { networkOf } from '@voxhelm/algorithms/networks';
import { serveEngine } from '@voxhelm/nn/engine-thread';

/*
 * The program of the thread that trains: the job's own thread goes on answering while a step computes.
 */

serveEngine(parentPort as MessagePort, networkOf);
