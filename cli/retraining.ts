import { type Command, Option } from 'commander';
import type { LabelOptions } from './commands/label.ts';
import type { ScheduleOptions } from './commands/schedule.ts';
import type { WebhookOptions } from './commands/webhooks.ts';
import type { JsonOption } from './main.ts';

/** The commands of retraining: schedules, champions, what to label next, labels and cases that come, webhooks. */
export function describeRetraining(program: Command, done: (code: number) => void): void {
  describeSchedule(program, done);
  describeChampion(program, done);
  describeLabels(program, done);
  describeWebhook(program, done);
}

const json = (): Option => new Option('--json', 'report as JSON on standard output');

function describeSchedule(program: Command, done: (code: number) => void): void {
  const commands = () => import('./commands/schedule.ts');
  const schedule = program.command('schedule').description('retrain on a dataset by time, by new cases or by drift');
  schedule
    .command('create')
    .description('watch a dataset: --cron, --every, --cases or --drift says when to retrain; or a SCHEDULE.yaml')
    .argument('<dataset>', 'dataset folder, id or name, or a SCHEDULE.yaml')
    .option('--name <name>', 'the dataset’s where absent')
    .option('--cron <expression>', 'retrain at these times: "0 3 * * 1"')
    .option('--time-zone <zone>', 'of --cron, as Europe/Berlin; UTC where absent')
    .option('--every <duration>', 'retrain this often; with --cases or --drift, look this often')
    .option('--cases <n>', 'retrain when so many new or corrected cases have arrived')
    .option('--drift <limit>', 'retrain when new cases lie this far from the champion’s, in standard errors: 3.5')
    .option('--run <file>', 'RUN.yaml: what each retraining is submitted with')
    .option('--start <from>', 'weights: auto, champion, nothing or both')
    .option('--trust-start', 'a file of weights in --run saw none of this dataset’s cases')
    .option('--overlap <policy>', 'while one goes on: skip, buffer-one, buffer-all, cancel-other, allow-all')
    .option('--catch-up <duration>', 'make up for what fell due while the service was down, so far back')
    .option('--jitter <duration>', 'wait a random time up to this before each firing')
    .option('--paused', 'make it, but do not fire yet')
    .option('--note <text>', 'why')
    .addOption(json())
    .action(async (dataset: string, options: ScheduleOptions) =>
      done(await (await commands()).create(dataset, options)),
    );
  schedule
    .command('list')
    .description('all schedules with their next and last firings')
    .addOption(json())
    .action(async (options: JsonOption) => done(await (await commands()).list(options)));
  schedule
    .command('show')
    .description('one schedule: each firing, why it retrained or did not, and what came of it')
    .argument('<schedule>', 'id or name')
    .addOption(json())
    .action(async (name: string, options: JsonOption) => done(await (await commands()).show(name, options)));
  for (const [action, about] of ACTIONS) {
    schedule
      .command(action)
      .description(about)
      .argument('<schedule>', 'id or name')
      .option('--note <text>', 'why')
      .addOption(json())
      .action(async (name: string, options: JsonOption) => done(await (await commands()).act(action, name, options)));
  }
  schedule
    .command('backfill')
    .description('fire for each time that was due between two moments')
    .argument('<schedule>', 'id or name')
    .requiredOption('--from <time>', 'as 2026-11-25T03:00:00Z')
    .requiredOption('--to <time>', 'as 2026-11-26T03:00:00Z')
    .addOption(json())
    .action(async (name: string, options: JsonOption & { from: string; to: string }) =>
      done(await (await commands()).backfill(name, options)),
    );
}

const ACTIONS = [
  ['pause', 'fire no more until it is resumed; a run that goes on is not touched'],
  ['resume', 'fire again'],
  ['trigger', 'fire now and retrain, whatever the trigger says'],
  ['delete', 'end it; its runs and the champion stay'],
] as const;

function describeChampion(program: Command, done: (code: number) => void): void {
  const commands = () => import('./commands/champion.ts');
  const dataset = 'folder, id or name';
  program
    .command('champion')
    .description('the model of a dataset that is in use, on what it was compared, and who was before')
    .argument('<dataset>', dataset)
    .option('--set <run>', 'make a completed run’s model champion by hand')
    .addOption(json())
    .action(async (word: string, options: JsonOption) => done(await (await commands()).champion(word, options)));
  program
    .command('rollback')
    .description('make the champion before the present one champion again')
    .argument('<dataset>', dataset)
    .addOption(json())
    .action(async (word: string, options: JsonOption) => done(await (await commands()).rollback(word, options)));
  program
    .command('suggest')
    .description('which unlabelled cases (imagesUn) to label next')
    .argument('<dataset>', dataset)
    .option('--limit <n>', 'how many to show', '20')
    .option('--last', 'show the last list instead of asking again')
    .addOption(json())
    .action(async (word: string, options: JsonOption & { limit: string }) =>
      done(await (await commands()).suggest(word, options)),
    );
}

function describeLabels(program: Command, done: (code: number) => void): void {
  const commands = () => import('./commands/label.ts');
  program
    .command('label')
    .description(
      'give a case of a dataset its label, or a corrected one (the earlier is kept); without a case, the log',
    )
    .argument('<dataset>', 'folder, id or name')
    .argument('[case]', 'file name without the ending')
    .argument('[mask]', 'label map, .nii or .nii.gz, on the image’s grid')
    .option('--held-out', 'also where models are judged by the case: a comparison or test case')
    .option('--note <text>', 'why, for the log')
    .addOption(json())
    .action(async (dataset: string, caseId: string | undefined, mask: string | undefined, options: LabelOptions) =>
      done(await (await commands()).label(dataset, caseId, mask, options)),
    );
  program
    .command('dataset')
    .description('change a dataset')
    .command('add')
    .description('add cases to a dataset, with labels or to be labelled; its schedules see them at their next look')
    .argument('<dataset>', 'folder, id or name')
    .argument('<folder>', 'imagesTr and labelsTr, any other dataset, or images alone')
    .option('--note <text>', 'why, for the log')
    .addOption(json())
    .action(async (dataset: string, folder: string, options: LabelOptions) =>
      done(await (await commands()).addCases(dataset, folder, options)),
    );
}

function describeWebhook(program: Command, done: (code: number) => void): void {
  const commands = () => import('./commands/webhooks.ts');
  const webhook = program.command('webhook').description('tell an address what happens, signed');
  webhook
    .command('create')
    .description('the answer holds the secret that signs each message, once')
    .argument('<url>')
    .option(
      '--events <list>',
      'run.finished, run.failed, schedule.failed, champion.promoted, champion.kept, drift; all where absent',
    )
    .option('--dataset <dataset>', 'only of this dataset')
    .option('--secret <secret>', 'made where absent')
    .addOption(json())
    .action(async (url: string, options: WebhookOptions) => done(await (await commands()).create(url, options)));
  webhook
    .command('list')
    .description('all webhooks, or with --dead the messages that were given up')
    .option('--dead', 'messages that were given up')
    .addOption(json())
    .action(async (options: JsonOption) => done(await (await commands()).list(options)));
  webhook
    .command('delete')
    .argument('<webhook>')
    .description('delete a webhook with its messages')
    .action(async (id: string) => done(await (await commands()).remove(id)));
  webhook
    .command('redeliver')
    .argument('<message>')
    .description('send a message that was given up again')
    .addOption(json())
    .action(async (id: string, options: JsonOption) => done(await (await commands()).redeliver(id, options)));
}
