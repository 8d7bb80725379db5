import { parseArgs } from 'node:util';
import { appendJsonLines, readJsonLines } from '../src/files/jsonLines.ts';
import { packagePath } from '../src/files/packagePath.ts';
import { runAttempts, summarise } from './attemptRun.ts';
import { intervalText, markdownTable } from './markdown.ts';
import type { ReuseRule } from './prefixReuse.ts';
import { DELAY, FIRST_SEED, POLICIES, bundleOf, policiesNamed } from './stepCells.ts';

const RESULTS = packagePath('docs/reuse.jsonl');
const HELP = `npm run reuse -- [POLICY ...] [--attempts N] [--processes N]

Success where chunks use the prefix of an earlier chunk again: every second one, or while the images differ
little. Results that are in docs/reuse.jsonl are not measured again.

  ${POLICIES.map(({ name }) => name).join(', ')}`;

const RULES: Record<string, ReuseRule> = {
  never: { difference: null, inARow: 0 },
  'every second chunk': { difference: null, inARow: 1 },
  'differ by 1 of 255 at most': { difference: 1, inARow: 3 },
  'differ by 2 of 255 at most': { difference: 2, inARow: 3 },
  'differ by 4 of 255 at most': { difference: 4, inARow: 3 },
  'differ by 8 of 255 at most': { difference: 8, inARow: 3 },
};

interface Result {
  policy: string;
  rule: string;
  attempts: number;
  successes: number;
  /** Of all chunks. */
  reused: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    attempts: { type: 'string', default: '60' },
    processes: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
});
const policies = policiesNamed(positionals, values.help, HELP);
const seeds = Array.from({ length: Number(values.attempts) }, (_, i) => FIRST_SEED + i);
for (const policy of policies)
  for (const [rule, reuse] of Object.entries(RULES)) {
    const known = await readJsonLines<Result>(RESULTS);
    if (known.some((one) => one.policy === policy.name && one.rule === rule)) continue;
    const { task } = policy;
    const run = await runAttempts(
      { policy: bundleOf(policy), task, join: 'approximate', delay: DELAY, reuse },
      seeds,
      Number(values.processes),
      () => undefined,
    );
    const { attempts, successes } = summarise(run);
    const sum = (of: (one: (typeof run)[number]) => number) =>
      run.reduce((total, one) => total + of(one), 0);
    const reused = sum((one) => one.reused) / sum((one) => one.chunks);
    const result: Result = { policy: policy.name, rule, attempts, successes, reused };
    await appendJsonLines(RESULTS, [result]);
    console.log(`${policy.name}, ${rule}: ${successes} of ${attempts} succeeded`);
  }
const rows = (await readJsonLines<Result>(RESULTS)).map((one) => [
  ...[one.policy, one.rule, `${(100 * one.reused).toFixed(0)} %`],
  `${one.successes} of ${one.attempts} (${intervalText(one)} %)`,
]);
console.log(markdownTable(['policy', 'prefix used again where images', 'chunks', 'success'], rows));
