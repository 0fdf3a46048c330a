/* node:os for the browser. */

export function availableParallelism(): number {
  return navigator.hardwareConcurrency;
}
