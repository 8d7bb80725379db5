import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { packagePath } from '../src/files/packagePath.ts';
import { SOLVERS, integrationKey } from '../src/policy/integration.ts';
import { duration } from '../src/terminal/speaker.ts';
import { runAttempts, summarise } from './attemptRun.ts';
import { REFERENCE } from './chunkFigures.ts';
import { compareChunks, gridsOf, uniform } from './compareChunks.ts';
import { writeSection } from './markdown.ts';
import { drawSteps, stepsTables } from './stepReport.ts';
import {
  type AttemptKey,
  DELAY,
  FIRST_SEED,
  POLICIES,
  attemptsIn,
  bundleOf,
  policiesNamed,
  readCells,
  writeCell,
} from './stepCells.ts';

const HELP = `npm run steps -- [POLICY ...] [--solver NAME ...] [--noise random|zero] [--attempts N] [--processes N]

How the flow's integration decides success: attempts by network calls, solver and initial noise, for each
shipped policy, and the distance of chunks from those of ${REFERENCE.steps} steps. Cells that have their attempts in
docs/steps.jsonl are not made again; more attempts are added to those that are there. The picture and the
tables of docs/integration.md are made of all.

  ${POLICIES.map(({ name }) => name).join(', ')}
  ${SOLVERS.join(', ')}, grid (Euler's steps at times searched for the policy)`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    solver: { type: 'string', multiple: true },
    noise: { type: 'string', multiple: true },
    steps: { type: 'string', multiple: true },
    attempts: { type: 'string', default: '200' },
    processes: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
});
const policies = policiesNamed(positionals, values.help, HELP);
const processes = Number(values.processes);
const attempts = Number(values.attempts);
const isWanted = (name: string) => values.solver === undefined || values.solver.includes(name);
const noises = (['random', 'zero'] as const).filter(
  (noise) => values.noise === undefined || values.noise.includes(noise),
);

for (const policy of policies) await compareChunks(policy, processes);

const found = await readCells();
const wanted = noises.flatMap((noise) =>
  policies.flatMap((policy) =>
    [
      ...uniform.filter(({ solver }) => isWanted(solver)),
      ...(isWanted('grid') ? gridsOf(found, policy) : []),
    ]
      .filter(({ steps }) => values.steps === undefined || values.steps.includes(String(steps)))
      .map((integration) => ({ policy, integration, noise })),
  ),
);
const made = ({ policy, integration, noise }: (typeof wanted)[number]) =>
  attemptsIn(found, { policy: policy.name, integration, noise })?.attempts ?? 0;
const work = wanted.filter((cell) => made(cell) < attempts);
const total = work.reduce((sum, cell) => sum + attempts - made(cell), 0);
const began = performance.now();
let done = 0;
for (const cell of work) {
  const { policy, integration, noise } = cell;
  const before = made(cell);
  const seeds = Array.from({ length: attempts - before }, (_, i) => FIRST_SEED + before + i);
  const key: AttemptKey = { policy: policy.name, integration, noise };
  const name = `${policy.name}, ${integrationKey(integration)}, ${noise} noise`;
  const say = () => {
    done += 1;
    const left = ((performance.now() - began) / 1000) * (total / done - 1);
    if (process.stdout.isTTY)
      process.stdout.write(`\r${name}: about ${duration(left)} left in all \u001b[K`);
  };
  const run = await runAttempts(
    {
      policy: bundleOf(policy),
      task: policy.task,
      join: 'approximate',
      delay: DELAY,
      integration,
      zeroNoise: noise === 'zero',
    },
    seeds,
    processes,
    say,
  );
  await writeCell({ kind: 'attempts', ...key, ...summarise(run) });
  const { successes, attempts: all } = attemptsIn(await readCells(), key)!;
  console.log(`\r${name}: ${successes} of ${all} succeeded\u001b[K`);
}
const all = await readCells();
await writeFile(packagePath('docs/steps.svg'), drawSteps(all));
const tables = stepsTables(all);
console.log(tables);
await writeSection('docs/integration.md', 'steps', tables);
