import { join } from 'node:path';
import { makeFolder } from '../../files/makeFolder.ts';
import { serve } from '../../processes/serve.ts';
import type { RobotEmbodiment } from '../nats/subjects.ts';
import type { FleetOrder, FleetStatus } from '../nats/fleet.ts';
import { bindEnd } from './bindEnd.ts';
import { type Plan, readPlan, writePlan } from './plan.ts';
import { openLineage } from '../robot/lineage.ts';
import { type KeptEpisode, openStore } from './store.ts';
import type { Bundle } from '../../policy/bundle/config.ts';

/** The process behind learnerPort.ts: a training step may block the learner's own thread for long. */
export interface LearnerWork {
  folder: string;
  address: string;
  keys?: string;
  policy: Pick<Bundle, 'base' | 'version'>;
  /** What robots must be; absent: any. Over ZeroMQ nobody asks. */
  embodiment?: RobotEmbodiment;
}

export interface LearnerFunctions {
  /** The address, with the port that was found. */
  address: () => string;
  publish: (file: string, parent: string, plan?: Plan) => Promise<string>;
  tell: (status: FleetStatus) => void;
}

export interface OwnerFunctions {
  log: (line: string) => void;
  episode: (episode: KeptEpisode) => void;
  labels: (episode: KeptEpisode) => void;
  robots: (names: readonly string[]) => void;
  obey: (order: FleetOrder) => Promise<string>;
  /** Another learner took over; why this one has to end. */
  replaced: (why: string) => void;
}

serve<LearnerFunctions, LearnerWork, OwnerFunctions>(
  async ({ folder, address, keys, policy, embodiment }, owner) => {
    const log = (line: string) => owner.notify('log', line);
    const onEpisode = (episode: KeptEpisode) => owner.notify('episode', episode);
    const onLabels = (episode: KeptEpisode) => owner.notify('labels', episode);
    const onRobots = (names: readonly string[]) => owner.notify('robots', names);
    const obey = (order: FleetOrder) => owner.ask('obey', order);
    await makeFolder(folder);
    const onReplaced = ({ message }: Error) => owner.notify('replaced', message);
    const bound = await bindEnd({ address, keys, folder, onReplaced, log });
    const store = await openStore(folder);
    const adapters = join(folder, 'adapters');
    const lineage = await openLineage(adapters, policy);
    const { base } = policy;
    const end = await bound.serve({
      ...{ base, embodiment, store, lineage, plan: await readPlan(adapters) },
      ...{ onEpisode, onLabels, onRobots, obey, log },
    });
    return {
      address: () => bound.address,
      async publish(file, parent, plan) {
        if (plan) await writePlan(adapters, plan);
        const needed = plan ? [plan.rest, ...Object.values(plan.robots)] : [];
        const version = await lineage.add(file, parent, needed);
        await end.announce(plan);
        return version;
      },
      tell: (status) => end.tell?.(status),
      async close() {
        await end.close();
        await store.close();
        await lineage.close();
      },
    };
  },
);
