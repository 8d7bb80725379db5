import { packagePath } from '../files/packagePath.ts';
import { adaptCommand } from './adapt.ts';
import type { Ending } from './ending.ts';
import { simCommand } from './sim.ts';

const TASK = 'transfer-cube';
const PRIOR = packagePath('models/aloha-mini-12k');

/**
 * What a newcomer sees first: ten attempts of the shipped policy, recorded; then some minutes in which a
 * policy that fails because the cameras are off gets better at it. Goes on where it was stopped.
 */
export async function start(policy: string): Promise<Ending> {
  const watch = process.stdout.isTTY && !process.env.NO_COLOR;
  const attempts = { task: TASK, episodes: 10, seed: 0, record: 'episodes', watch } as const;
  const ending = await simCommand({ ...attempts, policy });
  if (ending !== 'done') return ending;
  console.log(
    '\nNow every camera is moved by 2.5 mm, and a policy that was sure before fails. It learns from 512 of its\nown attempts, for some ten minutes on two cores. Ctrl-C stops it; the same command goes on from there.\n',
  );
  return adaptCommand('runs/start', {
    policy: PRIOR,
    task: TASK,
    gap: `${PRIOR}/cameras-off.yaml`,
    episodes: 512,
    batch: 64,
    evaluateEvery: 4,
    attempts: 30,
    processes: 2,
    seed: 0,
  });
}
