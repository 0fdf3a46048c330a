#!/usr/bin/env node
// `npx voxhelm …`: TypeScript is run as it is (tsx), so the command and its source never differ.
import { register } from 'tsx/esm/api';

register();
const { main } = await import('./main.ts');
process.exitCode = await main(process.argv);
