#!/usr/bin/env node
// The first thing that runs on a fresh clone: plain JavaScript without dependencies. Brings what is missing, step by step
// (each says what it does and how long it takes; what is there already costs milliseconds), then hands over to the command.
//
//   node infra/setup/main.mjs [demo|test|bench|parity] [--device cpu|cuda] [arguments]
import { spawn } from 'node:child_process';
import { binding } from './binding.mjs';
import { chromium } from './chromium.mjs';
import { dependencies } from './dependencies.mjs';
import { chooseDevice, findGpus, readDevice } from './device.mjs';
import { libtensorflow } from './libtensorflow.mjs';
import { postgres } from './postgres.mjs';
import { prismaClient } from './prisma-client.mjs';
import { rootDirectory, runSteps } from './steps.mjs';
import { temporal } from './temporal.mjs';
import { web } from './web.mjs';

/** What each command needs beside set-up, as Node arguments; `setup` alone ends after the steps. */
const COMMANDS = {
  demo: ['cli/demo/main.ts'],
  test: ['infra/test/main.ts'],
  bench: ['tests/bench/main.ts'],
  parity: ['tests/parity/main.ts'],
};

/** Benchmarks that compute in processes of their own; the others ask a service, and so do demo and tests. */
const COMPUTING = ['metrics', 'search', 'start', 'train-step'];

/** Sets up with the browser and ends: CI asks before the tests whether there can be one. */
const BROWSER_ONLY = 'bring-chromium';

const MINIMUM_NODE = [20, 19];

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor < MINIMUM_NODE[1])) {
    throw new Error(
      `Node ${process.versions.node} is too old: Voxhelm needs Node 20.19 or later (22 and 24 work as well).`,
    );
  }
}

/** Runs a TypeScript program with the set-up's environment; its exit code becomes ours, its signals are passed on. */
function handOver(program, args, requested) {
  const child = spawn(process.execPath, ['--import', 'tsx', ...program, ...args], {
    cwd: rootDirectory,
    stdio: 'inherit',
    env: requested === 'auto' ? process.env : { ...process.env, VOXHELM_DEVICE: requested },
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 1));
}

/** Takes `--device VALUE` (or `--device=VALUE`) out of the arguments; VOXHELM_DEVICE stands in for it. */
function takeDevice(args) {
  const at = args.findIndex((arg) => arg === '--device' || arg.startsWith('--device='));
  if (at < 0) return readDevice(process.env.VOXHELM_DEVICE);
  const [option] = args.splice(at, 1);
  if (option !== '--device') return readDevice(option.slice('--device='.length));
  return readDevice(args.splice(at, 1)[0] ?? '(nothing)');
}

const argv = process.argv.slice(2);
try {
  checkNode();
  const requested = takeDevice(argv);
  const [command, ...args] = argv;
  if (command !== undefined && !(command in COMMANDS) && command !== BROWSER_ONLY)
    throw new Error(`unknown command "${command}": ${Object.keys(COMMANDS).join(', ')}`);
  const { device, why, warning } = chooseDevice(requested, await findGpus(), process.arch);
  // A report on standard output (bench, parity) is for a pipe: set-up then speaks on standard error alone.
  process.stderr.write(`✓ device: ${device} (${why})\n`);
  if (warning !== null) process.stderr.write(`! device: ${warning}\n`);
  const computing = [dependencies, libtensorflow(device), binding(device)];
  const computesAlone = command === 'parity' || (command === 'bench' && COMPUTING.includes(args[0]));
  const steps = computesAlone ? computing : [...computing, prismaClient, postgres, temporal, web];
  const drivesBrowser =
    (command === 'test' && (args.length === 0 || args.includes('web'))) ||
    (command === 'bench' && args.includes('web')) ||
    command === BROWSER_ONLY;
  await runSteps(drivesBrowser ? [...steps, chromium] : steps);
  if (command !== undefined && command !== BROWSER_ONLY) handOver(COMMANDS[command], args, requested);
} catch (error) {
  process.stderr.write(`\nSet-up stopped: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
