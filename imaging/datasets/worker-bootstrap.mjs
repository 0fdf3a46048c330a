import { workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

/* First module of a worker thread on a Node that does not run TypeScript by itself: `--import tsx` does not reach threads. */
register();
await import(workerData.file);
