import { parseArgs } from 'node:util';
import { writeFile } from 'node:fs/promises';
import { packagePath } from '../src/files/packagePath.ts';
import { endWithHelp } from '../bench/help.ts';
import { drawJoins, joinTable } from './joinReport.ts';
import { runAttempts, summarise } from './attemptRun.ts';
import { readCells, writeCell } from './joinCells.ts';
import { duration } from '../src/terminal/speaker.ts';
import { JOINS, type JoinKind } from '../src/policy/joinKinds.ts';

const POLICY = packagePath('models/aloha-mini-12k');
/** Milliseconds that a chunk takes to be there. */
const DELAYS = [0, 50, 100, 200, 300];
const RATE = 50;
const HORIZON = 50;
/** A chunk's, as the results on file have. */
const NETWORK_CALLS = 10;
/** Rows of a chunk to play, at most: fewer and this policy rests for ever before it grasps. */
const EXECUTE = 37;
/** Rows beyond those and the delay, in which a guided chunk may leave the one before. */
const SOFT = 3;
/** Rows to play of chunks that are played together. */
const EXECUTE_ENSEMBLE = 10;

const HELP = `npm run joins -- [JOIN ...] [--attempts N] [--processes N] [--trained FOLDER]

How chunks join, at delays of ${DELAYS.join(', ')} ms: transfer cube by aloha-mini-12k from random noise, held-out
seeds. Cells that have a line in docs/joins.jsonl are not made again; table and picture are drawn of all.

  ${JOINS.join(', ')}

trained needs a policy that was trained for it:
  npx nalu demos demos/transfer-cube --episodes 400 --seed 100000
  npx nalu imitate demos/transfer-cube --from models/aloha-mini-12k --out runs/joins/trained \\
    --max-delay 15 --train expert --steps 800 --rate 5e-4 --no-augmentation`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    attempts: { type: 'string', default: '100' },
    processes: { type: 'string', default: '2' },
    trained: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const unknown = positionals.find((name) => !JOINS.some((join) => join === name));
if (values.help || unknown !== undefined)
  endWithHelp(HELP, values.help, 'no way to join chunks is called', unknown);

const wanted = JOINS.filter((join) => positionals.length === 0 || positionals.includes(join));
if (wanted.includes('trained') && values.trained === undefined)
  console.log(
    'trained: left out, as no policy that was trained for it is given (--trained FOLDER)',
  );
const kinds = wanted.filter((join) => join !== 'trained' || values.trained !== undefined);

const stepsOf = (delay: number) => Math.ceil((delay * RATE) / 1000);
const executeOf = (join: JoinKind, steps: number) =>
  join === 'ensemble' ? EXECUTE_ENSEMBLE : Math.min(EXECUTE, HORIZON - SOFT - steps);

const known = await readCells();
const cells = kinds
  .flatMap((join) => DELAYS.map((delay) => ({ join, delay })))
  .filter(({ join, delay }) => !known.some((one) => one.join === join && one.delay === delay));
const seeds = Array.from({ length: Number(values.attempts) }, (_, seed) => seed);
const began = performance.now();
for (const [i, { join, delay }] of cells.entries()) {
  const steps = stepsOf(delay);
  const execute = executeOf(join, steps);
  const policy = join === 'trained' ? values.trained! : POLICY;
  let done = 0;
  const say = () => {
    const share = (i + done / seeds.length) / cells.length;
    const left = ((performance.now() - began) / 1000) * (1 / share - 1);
    if (process.stdout.isTTY)
      process.stdout.write(
        `\r${join} at ${delay} ms: ${done}/${seeds.length}, about ${duration(left)} left in all \u001b[K`,
      );
  };
  const made = await runAttempts(
    { policy, join, delay: steps, execute, integration: { steps: NETWORK_CALLS } },
    seeds,
    Number(values.processes),
    () => {
      done += 1;
      say();
    },
  );
  const cell = { join, delay, execute, ...summarise(made) };
  await writeCell(cell);
  const { attempts, successes } = cell;
  console.log(`\r${join} at ${delay} ms: ${successes} of ${attempts} succeeded\u001b[K`);
}
const all = await readCells();
await writeFile(packagePath('docs/joins.svg'), drawJoins(all));
console.log(joinTable(all));
