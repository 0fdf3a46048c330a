import { parseArgs } from 'node:util';

/*
 * A benchmark's options: one table by which the command line is read and `--help` is answered.
 */

/** One option; each takes a value. */
export interface BenchOption {
  /** What the value looks like: "48x48x48", "PYTHON". */
  readonly value: string;
  /** What it does, in a few words. */
  readonly about: string;
  /** Absent: the option may be left out, and `about` says what then. */
  readonly default?: string;
}

/** Options by their names. */
export type BenchOptions = Readonly<Record<string, BenchOption>>;

/** What the file of a benchmark exports. */
export interface Benchmark {
  /** What is measured, in a sentence or two. */
  readonly ABOUT: string;
  readonly OPTIONS: BenchOptions;
  main(args: readonly string[]): Promise<void>;
}

/** The values that were given, or defaults. */
export type BenchValues<O extends BenchOptions> = {
  readonly [Name in keyof O]: O[Name] extends { readonly default: string } ? string : string | undefined;
};

/** Set-up takes it out of every command. */
const DEVICE: BenchOption = { value: 'cpu|cuda', about: 'what to compute on; absent: what set-up finds' };

/** The Python of benchmarks that measure MONAI beside ours. */
export const ANCHOR = {
  value: 'PYTHON',
  about: 'a Python with torch and monai, which is measured beside ours; absent: ours alone',
} as const satisfies BenchOption;

/** Reads a command line by a table of options. Throws node:util's own errors for an option that is unknown or has no value. */
export function readOptions<O extends BenchOptions>(args: readonly string[], options: O): BenchValues<O> {
  const entries = Object.entries(options).map(([name, { default: value }]) => {
    return [name, { type: 'string' as const, ...(value === undefined ? {} : { default: value }) }] as const;
  });
  return parseArgs({ args: [...args], options: Object.fromEntries(entries) }).values as BenchValues<O>;
}

/** The answer to `npm run bench -- NAME --help`. */
export function helpOf(name: string, { ABOUT, OPTIONS }: Pick<Benchmark, 'ABOUT' | 'OPTIONS'>): string {
  const rows = Object.entries<BenchOption>({ ...OPTIONS, device: DEVICE }).map(([option, told]) => {
    const byDefault = told.default === undefined ? '' : ` (${told.default})`;
    return [`  --${option} ${told.value}`, `${told.about}${byDefault}`] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  const lines = rows.map(([left, right]) => `${left.padEnd(width)}${right}`);
  return [`npm run bench -- ${name} [options]`, '', ABOUT, '', 'Options (defaults in brackets):', ...lines, ''].join(
    '\n',
  );
}
