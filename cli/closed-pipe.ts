/** What a shell says of a program that a closed pipe ended: 128 + SIGPIPE. */
const EXIT_CODE = 141;

/**
 * Lets a reader go away (`voxhelm analyze DATASET | head`): the command ends quietly instead of failing at its next line.
 * A command that stops on SIGTERM (`up`, the demo) is stopped that way, so that it takes down what it started.
 */
export function endWithReader(): void {
  let ending = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      if (ending) return;
      ending = true;
      if (process.listenerCount('SIGTERM') > 0) process.kill(process.pid, 'SIGTERM');
      else process.exit(EXIT_CODE);
    });
  }
}
