import { readFile } from 'node:fs/promises';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { parse } from 'yaml';

/**
 * The content of a file in JSON (where its name ends in .json) or YAML. Throws `invalid-request` that names the file, and
 * the place of what is wrong in the words of its own format.
 */
export async function readStructured(path: string): Promise<unknown> {
  const text = await readText(path);
  const isJson = /\.json$/i.test(path);
  try {
    return isJson ? JSON.parse(text) : parse(text);
  } catch (error) {
    const { message } = error as Error;
    const what = isJson ? `JSON: ${message}${placeIn(text, message)}` : `YAML: ${message}`;
    throw new VoxhelmError('invalid-request', `${path} is no valid ${what}`, { cause: error });
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new VoxhelmError('invalid-request', `${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** Line and column of what JSON.parse refused, where its own words do not say them, as Node 20's. */
function placeIn(text: string, message: string): string {
  if (/\(line \d+/.test(message)) return '';
  const position = positionIn(text, message);
  const lines = text.slice(0, position).split('\n');
  return ` (line ${lines.length} column ${(lines.at(-1) ?? '').length + 1})`;
}

function positionIn(text: string, message: string): number {
  const told = /at position (\d+)/.exec(message)?.[1];
  if (told !== undefined) return Number(told);
  if (!message.startsWith(UNEXPECTED)) return text.length;
  // It tells the character alone: that which the shortest beginning ends with that is refused for one.
  let [good, bad] = [0, text.length];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (endsUnexpectedly(text.slice(0, middle))) bad = middle;
    else good = middle;
  }
  return good;
}

const UNEXPECTED = 'Unexpected token';

function endsUnexpectedly(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    return (error as Error).message.startsWith(UNEXPECTED);
  }
}
