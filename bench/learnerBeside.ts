import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { packagePath } from '../src/files/packagePath.ts';
import type { Trainable } from '../src/policy/trainable.ts';
import { exploredEpisodes } from './exploredEpisodes.ts';
import type { Bundle } from '../src/policy/bundle/config.ts';

/** Episodes that it learns from: soon read. */
const EPISODES = 8;
const TRAINABLE: Trainable = { parameters: 'expert' };
/** Seconds after which it has read them and takes steps. */
const SETTLE = 15;
/** Unit of the times in /proc/PID/stat, Hz. */
const JIFFIES = 100;

/** A learner at work on this machine. */
export interface LearnerBeside {
  /** Seconds of all cores that it has used (Linux). */
  used(): Promise<number>;
  /** Throws if it has ended by itself. */
  stop(): Promise<void>;
}

async function secondsOf({ pid }: ChildProcess): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / JIFFIES;
}

/** Starts a learner in a folder of its own: it has one update to make, and is not done with it for days. */
export async function startLearner(folder: string, bundle: Bundle): Promise<LearnerBeside> {
  const episodes = join(folder, 'episodes');
  await mkdir(episodes, { recursive: true });
  await exploredEpisodes(episodes, bundle, TRAINABLE, EPISODES);
  const config = join(folder, 'fpo.yaml');
  const critics = { warmUp: 0, epochs: 1 };
  const trustRegion = { maxKl: 1e9, maxClipFraction: 1 };
  await writeFile(config, JSON.stringify({ epochs: 1e6, trustRegion, critics }));
  const child = spawn(
    process.execPath,
    [
      ...[packagePath('dist/src/cli.js'), 'learn', folder, '--policy', bundle.folder],
      ...['--batch', String(EPISODES), '--config', config, '--json'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
  );
  const exited = once(child, 'exit');
  await once(createInterface({ input: child.stdout! }), 'line');
  await setTimeout(SETTLE * 1000);
  return {
    used: () => secondsOf(child),
    async stop() {
      const early = child.exitCode;
      child.kill('SIGKILL');
      await exited;
      if (early !== null) throw new Error(`the learner ended by itself, with exit code ${early}`);
    },
  };
}
