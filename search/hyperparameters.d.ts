/** The part of the npm package `hyperparameters` (0.25.6, which brings no types) that is used: its space language. */
declare module 'hyperparameters/lib/hyperparameters.js' {
  export function choice(options: readonly unknown[]): { name: 'choice'; options: readonly unknown[] };
  export function randint(upper: number): { name: 'randint'; upper: number };
  export function uniform(low: number, high: number): { name: 'uniform'; low: number; high: number };
  export function quniform(
    low: number,
    high: number,
    q: number,
  ): { name: 'quniform'; low: number; high: number; q: number };
  export function loguniform(low: number, high: number): { name: 'loguniform'; low: number; high: number };
  export function qloguniform(
    low: number,
    high: number,
    q: number,
  ): { name: 'qloguniform'; low: number; high: number; q: number };
  export function normal(mu: number, sigma: number): { name: 'normal'; mu: number; sigma: number };
  export function qnormal(
    mu: number,
    sigma: number,
    q: number,
  ): { name: 'qnormal'; mu: number; sigma: number; q: number };
  export function lognormal(mu: number, sigma: number): { name: 'lognormal'; mu: number; sigma: number };
  export function qlognormal(
    mu: number,
    sigma: number,
    q: number,
  ): { name: 'qlognormal'; mu: number; sigma: number; q: number };
  /** Its loop, which search/fmin.ts offers samplers to. */
  export function fmin(
    objective: (point: Record<string, unknown>) => unknown,
    space: unknown,
    algorithm: unknown,
    trials: number,
    parameters?: { readonly catchExceptions?: boolean },
  ): Promise<{ readonly dynamicTrials: readonly { readonly args: Record<string, unknown>; readonly state: number }[] }>;
}
