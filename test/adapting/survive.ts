import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { packagePath } from '../../src/files/packagePath.ts';
import { uniformNumbers } from '../../src/tensors/noise.ts';

/** Attempts of an update. */
export const BATCH = 4;

export const SETTINGS = {
  trainable: { parameters: 'expert' },
  seed: 0,
  samples: 2,
  epochs: 2,
  advantageFloor: 1e-6,
  rate: 1e-4,
  critics: { count: 2, hidden: [16], epochs: 1, warmUp: 0 },
} as const;

/** Updates that are made when the kills are over. */
const UPDATES_AFTER = 2;
/** Seconds from a start, or from an episode's arrival, to the next kill, at most. */
const LONGEST_LIFE = 3;

const policyIn = (folder: string) => join(folder, 'policy');
export const runIn = (folder: string) => join(folder, 'run');

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}

export const commandOf = (pid: number | string): Promise<string[]> =>
  readFile(`/proc/${pid}/cmdline`, 'utf8').then(
    (line) => line.split('\0'),
    () => [],
  );

/** Processes that work in a folder, or for who does. */
export async function processesIn(folder: string): Promise<number[]> {
  const found: number[] = [];
  for (const pid of await readdir('/proc'))
    if (/^\d+$/.test(pid) && (await commandOf(pid)).some((part) => part.includes(folder)))
      found.push(Number(pid));
  return found;
}

interface Adapting {
  child: ChildProcess;
  ended: Promise<number | null>;
  said: () => string;
}

function adapt(folder: string, episodes: number): Adapting {
  const child = spawn(
    process.execPath,
    [
      ...[packagePath('dist/src/cli.js'), 'adapt', runIn(folder), '--policy', policyIn(folder)],
      ...['--config', join(folder, 'fpo.yaml'), '--batch', String(BATCH)],
      ...['--episodes', String(episodes), '--attempts', '0', '--processes', '1'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  return { child, ended, said: () => said };
}

async function learnerOf({ child }: Adapting): Promise<number | undefined> {
  for (const pid of await childrenOf(child.pid!))
    if ((await commandOf(pid))[2] === 'learn') return pid;
  return undefined;
}

const episodesAtLearner = (folder: string) =>
  readdir(join(runIn(folder), 'learner/episodes')).then(
    (files) => files.length,
    () => 0,
  );

/**
 * Runs `nalu adapt` in `folder` on the shipped policy, some of whose attempts succeed, kills its runtime side or its learner so many times at
 * moments drawn from `seed`, and lets it make some updates more. Gives the number of attempts it was told
 * to make in all. Throws if it ends by itself before.
 */
export async function survive(
  folder: string,
  kills: number,
  seed: number,
  say: (line: string) => void = () => undefined,
): Promise<number> {
  await symlink(packagePath('models/aloha-mini'), policyIn(folder));
  await writeFile(join(folder, 'fpo.yaml'), JSON.stringify(SETTINGS));
  const draw = uniformNumbers(seed);
  const demandAlive = ({ child, said }: Adapting) => {
    if (child.exitCode !== null) throw new Error(`nalu adapt ended by itself: ${said()}`);
  };
  let running = adapt(folder, 1e6);
  try {
    for (let kill = 1; kill <= kills; kill++) {
      const before = await episodesAtLearner(folder);
      // Where all were killed before they have begun to work, there would be nothing to lose.
      if (kill % 2 === 0)
        while ((await episodesAtLearner(folder)) === before) {
          demandAlive(running);
          await setTimeout(10);
        }
      await setTimeout(1000 * LONGEST_LIFE * draw());
      demandAlive(running);
      const learner = draw() < 0.5 ? await learnerOf(running) : undefined;
      if (learner === undefined || kill === kills) {
        running.child.kill('SIGKILL');
        await running.ended;
        if (kill < kills) running = adapt(folder, 1e6);
      } else process.kill(learner, 'SIGKILL');
      say(
        `kill ${kill} of ${kills}: ${learner === undefined || kill === kills ? 'runtime' : 'learner'}, ${before} episodes at the learner before`,
      );
    }
    const made = await episodesAtLearner(folder);
    const wanted = (Math.ceil(made / BATCH) + UPDATES_AFTER) * BATCH;
    running = adapt(folder, wanted);
    const code = await running.ended;
    if (code !== 0) throw new Error(`nalu adapt ended with ${code}: ${running.said()}`);
    return wanted;
  } finally {
    running.child.kill('SIGKILL');
  }
}
