import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Starting, serveOwner } from '../../processes/childProcess.ts';
import { bindLearner } from './learnerSocket.ts';
import { type Sessions, serve } from './learnerSessions.ts';
import { openLineage } from '../robot/lineage.ts';
import { openStore } from './store.ts';
import type { Bundle } from '../../policy/bundle/config.ts';

/** The process behind learnerPort.ts: a training step may block the learner's own thread for long. */
export interface LearnerWork {
  folder: string;
  address: string;
  keys?: string;
  policy: Pick<Bundle, 'base' | 'version'>;
}

/** `start` resolves to the address, with the port that was found. */
export interface LearnerFunctions extends Starting<LearnerWork, string> {
  publish: (given: { file: string; parent: string }) => Promise<string>;
}

export interface OwnerFunctions {
  log: (line: string) => void;
  episode: (episode: { name: string; path: string }) => void;
}

let sessions: Sessions;
let publish: LearnerFunctions['publish'];
let close: LearnerFunctions['close'];

async function start({ folder, address, keys, policy }: LearnerWork): Promise<string> {
  const log = (line: string) => owner.tell('log', line);
  const onEpisode = (episode: { name: string; path: string }) => owner.tell('episode', episode);
  await mkdir(folder, { recursive: true });
  const bound = await bindLearner(address, keys, log);
  const store = await openStore(folder);
  const lineage = await openLineage(join(folder, 'adapters'), policy);
  const { socket } = bound;
  sessions = serve({ socket, base: policy.base, store, lineage, onEpisode, log });
  publish = async ({ file, parent }) => {
    const version = await lineage.add(file, parent);
    await sessions.announce();
    return version;
  };
  close = async () => {
    bound.close();
    await sessions.ended;
    await store.close();
    await lineage.close();
  };
  return bound.address;
}

const owner = serveOwner<OwnerFunctions>({
  start,
  publish: (given) => publish(given),
  close: (nothing) => close(nothing),
} satisfies LearnerFunctions);
