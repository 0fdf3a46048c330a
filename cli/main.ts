import { toErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';
import { METRIC_NAMES } from '@voxhelm/contracts/metrics';
import { Command, CommanderError, Option } from 'commander';
import { endWithReader } from './closed-pipe.ts';
import { describeRetraining } from './retraining.ts';

/**
 * The command line: each command's work lies in commands/<name>.ts and is loaded when it is called, so that `--help`
 * and `analyze` start fast. Returns the exit code: 0 done, 1 failed or found a fault, 2 wrong usage.
 */
export async function main(argv: readonly string[]): Promise<number> {
  endWithReader();
  let exitCode = 0;
  const done = (code: number): void => {
    exitCode = code;
  };
  const program = describeCommands(done);
  try {
    await program.parseAsync([...argv]);
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    showError(error);
    return 1;
  }
}

function describeCommands(done: (code: number) => void): Command {
  const program = new Command('voxhelm')
    .description(
      'AutoML for 3-D medical image segmentation: labelled scans in, one bundle that segments new scans out.',
    )
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError('(voxhelm --help lists the commands)');
  const json = (): Option => new Option('--json', 'report as JSON on standard output');

  program
    .command('up')
    .description('start everything on this machine, in the foreground; Ctrl-C stops it cleanly')
    .action(async () => done(await (await import('./commands/up.ts')).up()));
  program
    .command('doctor')
    .description('what is installed, which device, what is missing and how to get it')
    .addOption(json())
    .action(async (options: JsonOption) => done(await (await import('./commands/doctor.ts')).doctor(options)));
  program
    .command('analyze')
    .description(
      'check a dataset and gather its statistics; needs no server; exit code 1 where the check found a fault',
    )
    .argument('<dataset>', 'folder, dataset.json or task YAML')
    .addOption(json())
    .action(async (dataset: string, options: JsonOption) =>
      done(await (await import('./commands/analyze.ts')).analyze(dataset, options)),
    );
  program
    .command('submit')
    .description('submit a run: a RUN.yaml, or a dataset with everything else by default')
    .argument('<request>', 'RUN.yaml, or a dataset folder, id or name')
    .option('--follow', 'watch it to its end')
    .option('--idempotency-key <key>', 'submit once, however often this is called')
    .option('--submitted-by <name>', 'who: a label for others, no login; your user name where absent, "" for nobody')
    .addOption(json())
    .action(async (request: string, options: SubmitOptions) =>
      done(await (await import('./commands/submit.ts')).submit(request, options)),
    );
  program
    .command('runs')
    .description('list runs, newest first')
    .option('--state <state>', 'only those in this state')
    .option('--submitted-by <name>', 'only those of this submitter')
    .option('--limit <n>', 'how many', '20')
    .addOption(json())
    .action(async (options: RunsOptions) => done(await (await import('./commands/runs.ts')).runs(options)));
  program
    .command('show')
    .description('one run with its stage, plans, trials, ensemble and scores')
    .argument('<run>')
    .addOption(json())
    .action(async (run: string, options: JsonOption) =>
      done(await (await import('./commands/show.ts')).show(run, options)),
    );
  program
    .command('trials')
    .description('what a run’s search found: its trials, the best point, what mattered')
    .argument('<run>')
    .option('--csv', 'all trials as CSV')
    .option('--log <number>', 'what the trainers of this trial logged: sizes, each validation, warnings, how it ended')
    .addOption(json())
    .action(async (run: string, options: TrialsOptions) =>
      done(await (await import('./commands/trials.ts')).trials(run, options)),
    );
  program
    .command('watch')
    .description('follow a run to its end')
    .argument('<run>')
    .addOption(json())
    .action(async (run: string, options: JsonOption) =>
      done(await (await import('./commands/watch.ts')).watch(run, options)),
    );
  for (const [action, about] of CONTROLS) {
    program
      .command(action)
      .description(about)
      .argument('<run>')
      .addOption(json())
      .action(async (run: string, options: JsonOption) =>
        done(await (await import('./commands/control.ts')).control(action, run, options)),
      );
  }
  program
    .command('download')
    .description('download the ensemble bundle of a finished run, or of a dataset’s present champion')
    .argument('[run]')
    .option('--champion <dataset>', 'the present champion of this dataset')
    .requiredOption('-o, --output <file>', 'where to write it')
    .addOption(json())
    .action(async (run: string | undefined, options: JsonOption & { output: string; champion?: string }) =>
      done(await (await import('./commands/download.ts')).download(run, options)),
    );
  program
    .command('predict')
    .description('segment images with a bundle; needs no server and no database')
    .requiredOption('--bundle <file>', 'bundle.zip')
    .requiredOption('--input <path>', 'a NIfTI file or a folder of them')
    .requiredOption('--output <folder>', 'each result is written here under its input’s file name')
    .addOption(json())
    .action(async (options: PredictOptions) => done(await (await import('./commands/predict.ts')).predict(options)));
  program
    .command('export')
    .description('write a bundle’s weights as files that MONAI’s and nnU-Net’s own classes load strictly')
    .requiredOption('--bundle <file>', 'bundle.zip')
    .requiredOption('--output <folder>', 'a safetensors file and a plan for each member')
    .addOption(json())
    .action(async (options: ExportOptions) => done(await (await import('./commands/export.ts')).exportBundle(options)));
  program
    .command('evaluate')
    .description('score label maps against ground truth: Dice, IoU, HD, HD95, ASSD, surface Dice per case and class')
    .requiredOption('--pred <folder>', 'predicted label maps')
    .requiredOption('--labels <folder>', 'true label maps, of the same file names')
    .option(
      '--metrics <names>',
      `which of ${METRIC_NAMES.join(', ')}, with commas between; all where absent. Dice and IoU alone take least time`,
    )
    .option('--tolerance-mm <mm>', 'tolerance of the surface Dice; 1 where absent')
    .addOption(json())
    .action(async (options: EvaluateOptions) => done(await (await import('./commands/evaluate.ts')).evaluate(options)));
  describeRetraining(program, done);
  program
    .command('transform')
    .description('run a list of transforms (docs/transforms.md) on an image and its label; needs no server')
    .argument(
      '<list>',
      'JSON or YAML: a list of transforms with their options; with --undo, or the applied.json of a run',
    )
    .option('--image <files...>', 'a NIfTI file, or one for each channel; not with applied.json')
    .option('--label <file>', 'its label map')
    .requiredOption('--output <folder>', 'image, label and a record of what was done are written here')
    .option('--seed <n>', 'of everything random', '0')
    .option('--undo <file>', 'instead, bring this label map of the transformed grid back to the image’s own')
    .addOption(json())
    .action(async (list: string, options: TransformOptions) =>
      done(await (await import('./commands/transform.ts')).transform(list, options)),
    );
  return program;
}

const CONTROLS = [
  ['pause', 'let a run’s trainers write a checkpoint and go; it keeps everything'],
  ['resume', 'let a paused run go on from its checkpoints'],
  ['cancel', 'end a run for good; its results so far are kept'],
] as const;

/** A command that can report as JSON. */
export interface JsonOption {
  readonly json?: boolean;
}
/** Options of `submit`. */
export interface SubmitOptions extends JsonOption {
  readonly follow?: boolean;
  readonly idempotencyKey?: string;
  readonly submittedBy?: string;
}
/** Options of `runs`. */
export interface RunsOptions extends JsonOption {
  readonly state?: string;
  readonly submittedBy?: string;
  readonly limit: string;
}
/** Options of `trials`. */
export interface TrialsOptions extends JsonOption {
  readonly csv?: boolean;
  /** A trial's number, from 1. */
  readonly log?: string;
}
/** Options of `predict`. */
export interface PredictOptions extends JsonOption {
  readonly bundle: string;
  readonly input: string;
  readonly output: string;
}
/** Options of `export`. */
export interface ExportOptions extends JsonOption {
  readonly bundle: string;
  readonly output: string;
}
/** Options of `evaluate`. */
export interface EvaluateOptions extends JsonOption {
  readonly pred: string;
  readonly labels: string;
  /** Names with commas between; absent: all. */
  readonly metrics?: string;
  readonly toleranceMm?: string;
}

/** Options of `transform`. */
export interface TransformOptions extends JsonOption {
  readonly image?: string[];
  readonly label?: string;
  readonly output: string;
  readonly seed: string;
  readonly undo?: string;
}

/** The one place where the command line shows an error: what failed, on which input, what to do. */
function showError(error: unknown): void {
  const record = toErrorRecord(error);
  process.stderr.write(`voxhelm: ${record.message}\n`);
  if (record.fix !== undefined) process.stderr.write(`  ${record.fix}\n`);
  if (!(error instanceof VoxhelmError) && error instanceof Error && process.env['VOXHELM_DEBUG'] !== undefined) {
    process.stderr.write(`${error.stack}\n`);
  }
}
