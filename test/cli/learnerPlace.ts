import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Episode } from '../../src/episodes/readEpisode.ts';
import { type LearnerProcess, startLearner } from '../../src/adapting/learnerProcess.ts';
import type { LearnerEvent } from '../../src/learning/events.ts';
import { folderAddress } from '../../src/link/wire/address.ts';
import { type Courier, openCourier } from '../../src/link/robot/courier.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import type { Bundle } from '../../src/policy/bundle/config.ts';
import { BATCH, SETTINGS, makeAttempts, nameOf, writeEpisode } from '../learning/attempts.ts';
import { withFolder } from '../onnx/run.ts';

/** A robot of three joints that nobody reaches. */
export const CALIBRATION = `
name: tiny
controlRate: 50
arms:
  - { name: left, namespace: left, gripper: original, base: [0, 0, 0, 0] }
joints:
${['a', 'b', 'c']
  .map(
    (name) =>
      `  - { name: ${name}, arm: left, joint: ${name}, kind: arm, lower: -1, upper: 1, velocity: 1, home: 0, rest: 0 }`,
  )
  .join('\n')}
cameras:
  - { name: cam_high, width: 8, height: 8, mount: fixed, topic: /high }
  - { name: cam_wrist, width: 8, height: 8, mount: wrist, topic: /wrist }
workspace: { lower: [-1, -1, -1], upper: [1, 1, 1] }
`;

export interface LearnerPlace {
  folder: string;
  /** Of `nalu learn`. */
  args: string[];
  bundle: Bundle;
  attempts: Episode[];
  learner: LearnerProcess;
  events: LearnerEvent[];
  /** Adapters that came, by version. */
  adopted: string[];
  /** The version that each robot took last. */
  plays: Record<string, string>;
  /** Ends all robots. */
  leave: () => Promise<void>;
  /** Has a robot send episodes. */
  hand: (episodes: Episode[], robot?: string) => Promise<void>;
  /** Has a robot send episodes, named by their number; resolves when the learner has dealt with them all. */
  send: (episodes: Episode[], robot?: string) => Promise<void>;
}

/** A NATS address as somebody's. */
export const named = (address: string, name: string) => address.replace('//', `//${name}@`);

interface LearnerPlaceOptions {
  /** Changes the policy before anything is opened. */
  prepare?: (policy: string) => Promise<void>;
  /** Of a NATS server; a socket in the folder where absent. */
  address?: string;
  /** Further arguments of `nalu learn`. */
  more?: string[];
}

/** A learner's process for the tiny policy, and robots' ends of the link to it. */
export const withLearner = (
  body: (place: LearnerPlace) => Promise<void>,
  { prepare = () => Promise.resolve(), address, more = [] }: LearnerPlaceOptions = {},
) =>
  withFolder(async (folder) => {
    const policy = join(folder, 'policy');
    const attempts = await makeAttempts(policy, 4 * BATCH);
    await prepare(policy);
    const [calibration, config] = ['calibration.yaml', 'fpo.yaml'].map((name) =>
      join(folder, name),
    );
    await writeFile(calibration, CALIBRATION);
    await writeFile(config, JSON.stringify(SETTINGS));
    const at = join(folder, 'learner');
    const events: LearnerEvent[] = [];
    const args = [
      at,
      ...['--policy', policy, '--calibration', calibration, '--config', config],
      ...['--batch', String(BATCH)],
      ...(address === undefined ? [] : ['--address', named(address, 'learner')]),
      ...more,
    ];
    const learner = startLearner(args, {
      onEvent: (event) => events.push(event),
      onText: (text) => process.stderr.write(text),
    });
    const adopted: string[] = [];
    const plays: Record<string, string> = {};
    const bundle = await loadBundle(policy);
    const couriers = new Map<string, { courier: Courier; sent: number }>();
    const open = (robot: string) =>
      openCourier({
        episodes: join(folder, robot, 'episodes'),
        adapters: join(folder, robot, 'adapters'),
        address: address === undefined ? folderAddress(at) : named(address, robot),
        policy: { ...bundle, trainable: SETTINGS.trainable },
        onAdapter: ({ version }) =>
          Promise.resolve(void (adopted.push(version), (plays[robot] = version))),
        log: () => undefined,
      });
    let sent = 0;
    const hand = async (episodes: Episode[], robot = 'robot') => {
      const known = couriers.get(robot) ?? { courier: await open(robot), sent: 0 };
      couriers.set(robot, known);
      for (const episode of episodes)
        await writeEpisode(join(folder, robot, 'episodes'), nameOf(known.sent++), episode);
      known.courier.notify();
      sent += episodes.length;
    };
    const send = async (episodes: Episode[], robot?: string) => {
      await hand(episodes, robot);
      await learner.consumed(sent, new AbortController().signal);
    };
    const leave = async () => {
      for (const { courier } of couriers.values()) await courier.close();
      couriers.clear();
    };
    try {
      await body({
        folder,
        args,
        bundle,
        attempts,
        learner,
        events,
        adopted,
        plays,
        hand,
        send,
        leave,
      });
    } finally {
      await leave();
      await learner.stop();
    }
  });

/** A batch of attempts. */
export const part = (attempts: Episode[], of: number) =>
  attempts.slice(of * BATCH, (of + 1) * BATCH);
