/** The Temporal CLI that set-up brings (infra/setup/temporal.mjs) and caches as `temporal-<version>`. */
export const TEMPORAL_CLI_VERSION = '1.5.1';

/**
 * Options of `temporal server start-dev` that everything of ours starts it with. The dev server keeps all history in one
 * shard, and a shard reads its task queue at most 20 times a second by default: each of the about 16 steps of a trial
 * would wait for the next 50 ms tick. Measured with `npm run bench -- overhead`.
 */
export const DEV_SERVER_SETTINGS: readonly string[] = [
  'history.transferProcessorMaxPollRPS=1000',
  'history.timerProcessorMaxPollRPS=1000',
  'system.enableActivityEagerExecution=true',
].flatMap((setting) => ['--dynamic-config-value', setting]);
