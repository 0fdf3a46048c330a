import type { RunEvent, RunProgress } from '@voxhelm/contracts/api';
import { createLogUpdate } from 'log-update';
import { bar, diceText, durationText } from './format.ts';

/** Shows a run live: on a terminal a block that is drawn again, in a pipe a line when something changes. */
export interface ProgressView {
  event(event: RunEvent): void;
  progress(progress: RunProgress): void;
  note(text: string): void;
  /** Leaves the last state on the screen. */
  end(): void;
}

/** The view that fits the stream: a person's terminal, or a log. */
export function createProgressView(stream: NodeJS.WriteStream): ProgressView {
  return stream.isTTY ? liveView(stream) : lineView(stream);
}

function liveView(stream: NodeJS.WriteStream): ProgressView {
  const update = createLogUpdate(stream);
  let block = '';
  const above = (line: string): void => {
    update.clear();
    stream.write(`${line}\n`);
    update(block);
  };
  return {
    event: (event) => above(eventLine(event)),
    note: above,
    progress(progress) {
      block = progressLines(progress, Math.max(10, Math.min(40, stream.columns - 60))).join('\n');
      update(block);
    },
    end: () => update.done(),
  };
}

/** How often a log repeats the progress of a run in which nothing else happens. */
const LOG_EVERY_MS = 15_000;

function lineView(stream: NodeJS.WriteStream): ProgressView {
  let loggedAt = Number.NEGATIVE_INFINITY;
  return {
    event: (event) => stream.write(`${eventLine(event)}\n`),
    note: (text) => stream.write(`${text}\n`),
    progress(progress) {
      if (performance.now() - loggedAt < LOG_EVERY_MS) return;
      loggedAt = performance.now();
      stream.write(`${progressLines(progress, 20).join('\n')}\n`);
    },
    end: () => undefined,
  };
}

function eventLine(event: RunEvent): string {
  return `${event.at.slice(11, 19)}  ${event.message}`;
}

/** The whole run on one line, then a line for each trial that runs now. */
export function progressLines({ run, trials }: RunProgress, width: number): string[] {
  const left = run.etaSeconds === null ? '' : ` · ${durationText(run.etaSeconds)} left`;
  const lines = [
    `${bar(run.progress, width)} ${String(Math.round(run.progress * 100)).padStart(3)} %  ${run.stage}${run.state === 'running' ? '' : ` (${run.state})`} · ${durationText(run.elapsedSeconds)}${left} · best Dice ${diceText(run.bestDice)}`,
  ];
  for (const trial of trials) {
    const now = trial.progress;
    const step = now?.step ?? trial.step;
    const facts = [`step ${step}/${trial.steps}`];
    if (now !== null) {
      if (now.phase !== 'training') facts.push(now.phase);
      if (now.loss !== null) facts.push(`loss ${now.loss.toFixed(3)}`);
      if (now.bestDice !== null) facts.push(`Dice ${diceText(now.bestDice)}`);
      if (now.stepsPerSecond > 0) facts.push(`${now.stepsPerSecond.toFixed(1)} steps/s`);
      if (now.etaSeconds !== null) facts.push(`${durationText(now.etaSeconds)} left`);
    }
    lines.push(
      `${bar(step / trial.steps, width)} trial ${trial.number + 1} ${trial.algorithm} fold ${trial.fold} · ${facts.join(' · ')}`,
    );
  }
  return lines;
}
