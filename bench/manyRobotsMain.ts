import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { openNatsSession } from '../src/link/nats/robotSession.ts';
import { type AdaptedPolicy, openInbox } from '../src/link/robot/inbox.ts';
import { openOutbox } from '../src/link/robot/outbox.ts';
import { serve } from '../src/processes/serve.ts';
import { NATS, putEpisodes } from '../test/link/link.ts';

/** Robots of one process: what each has of the link, without a camera, an arm or a policy. */
export interface CrowdWork {
  /** Of the server. */
  address: string;
  /** A folder for each robot is made in it. */
  folder: string;
  /** Number of the first robot, and how many there are. */
  first: number;
  count: number;
  policy: AdaptedPolicy;
}

/** What became of the episodes of a process's robots. */
export interface CrowdReading {
  recorded: number;
  /** Milliseconds from an episode's recording until the robot has noted that the learner has it, of those it has. */
  times: number[];
  /** What the robots said that an operator should know. */
  said: string[];
}

export interface CrowdFunctions {
  /** How many robots the learner has let in. */
  connected: () => number;
  /** Records an episode on each robot every `every` seconds, for so many seconds; waits for what is still under way. */
  run: (seconds: number, every: number, bytes: number) => Promise<CrowdReading>;
}

/** Seconds that episodes under way have at the end. */
const LAST = 60;

async function openRobot(
  { address, folder, policy }: CrowdWork,
  index: number,
  say: CrowdReading['said'],
) {
  const name = `robot-${index}`;
  const episodes = join(folder, name, 'episodes');
  const log = (line: string) => void say.push(`${name}: ${line}`);
  const outbox = await openOutbox(episodes);
  const inbox = await openInbox(
    join(folder, name, 'adapters'),
    policy,
    () => Promise.resolve(),
    log,
  );
  const recorded: number[] = [];
  const times: number[] = [];
  let isConnected = false;
  const session = openNatsSession(
    { address: NATS.as(address, name), keys: undefined, episodes, embodiment: undefined },
    {
      ...{ base: policy.base, outbox, inbox, log },
      onChange(connected, _, absent) {
        isConnected = connected;
        if (absent !== undefined) log(absent);
        while (times.length < outbox.acknowledged)
          times.push(performance.now() - recorded[times.length]);
      },
    },
  ); // prettier-ignore
  void session.ended.then((why) => why !== 'closed' && log(why));
  return {
    times,
    recorded,
    isConnected: () => isConnected,
    async record(bytes: number) {
      await putEpisodes(episodes, [`${name}-${recorded.length}`], bytes);
      recorded.push(performance.now());
      session.notify();
    },
    async close() {
      session.close();
      await session.ended;
      await outbox.close();
      await inbox.close();
    },
  };
}

serve<CrowdFunctions, CrowdWork>(async (work) => {
  const said: string[] = [];
  const robots = await Promise.all(
    Array.from({ length: work.count }, (_, i) => openRobot(work, work.first + i, said)),
  );
  const sum = (of: (robot: (typeof robots)[number]) => number) =>
    robots.reduce((total, robot) => total + of(robot), 0);
  return {
    connected: () => sum((robot) => Number(robot.isConnected())),
    async run(seconds, every, bytes) {
      const began = performance.now();
      const passed = () => (performance.now() - began) / 1000;
      await Promise.all(
        robots.map(async (robot, i) => {
          // Each at a moment of its own.
          for (let due = (every * i) / robots.length; due < seconds; due += every) {
            await setTimeout(1000 * Math.max(0, due - passed()));
            await robot.record(bytes);
          }
        }),
      );
      const acknowledged = () => sum(({ times }) => times.length);
      const recorded = sum((robot) => robot.recorded.length);
      while (acknowledged() < recorded && passed() < seconds + LAST) await setTimeout(20);
      return { recorded, times: robots.flatMap(({ times }) => times), said }; // prettier-ignore
    },
    async close() {
      await Promise.all(robots.map((robot) => robot.close()));
    },
  };
});
