import { VoxhelmError } from '@voxhelm/contracts/errors';
import { readSettings } from '@voxhelm/contracts/settings';
import { migrate } from '@voxhelm/prisma/migrate';

/* Brings the database that DATABASE_URL names to the current schema: for deployments without `voxhelm up`. */

const { databaseUrl } = readSettings();
if (databaseUrl === undefined)
  throw new VoxhelmError('invalid-request', 'DATABASE_URL is not set', { fix: 'Set it to the PostgreSQL to migrate.' });
const applied = await migrate(databaseUrl);
process.stdout.write(applied.length === 0 ? 'the schema is up to date\n' : `applied: ${applied.join(', ')}\n`);
