import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { UserError } from '../../src/errors.ts';
import { commandTopicsOf } from '../../src/ros/commands.ts';
import type { RosRobot } from '../../src/ros/rosRobot.ts';
import type { TopicCount } from '../../src/ros/topicCounts.ts';
import { checkAlone } from '../../src/ros/topics.ts';
import { watchRobot } from '../../src/ros/watch.ts';
import { assertAbout, assertThrowsAbout } from '../refusals.ts';
import { fakeNode } from './fakeNode.ts';

const SIDES = ['left', 'right'];
const robot = {
  arms: SIDES.map((name) => ({ name, namespace: name })),
  joints: SIDES.flatMap((arm) => [
    { arm, kind: 'arm', joint: 'waist' },
    { arm, kind: 'gripper', joint: 'gripper' },
  ]),
} as never;
const GROUP = '/right/commands/joint_group';
const rival = (subject: string, ...names: string[]) =>
  ({ kind: 'unready', subject, names: [subject, ...names] }) as const;

describe('who commands the arms', () => {
  it('is this node alone, by whichever topic', () => {
    const { node, graph } = fakeNode();
    const commands = commandTopicsOf(robot, 'interbotix');
    for (const { topic, own } of commands) if (own) graph.set(topic, ['nalu']);
    assert.doesNotThrow(() => checkAlone(node, commands));
    const topic = '/left/joint_trajectory_controller/joint_trajectory';
    graph.set(topic, ['teleoperation']);
    assertThrowsAbout(() => checkAlone(node, commands), rival(topic, '/teleoperation'));
  });

  it('may be another node of the same name', () => {
    const { node, graph } = fakeNode();
    graph.set(GROUP, ['nalu', 'nalu']);
    const commands = commandTopicsOf(robot, 'interbotix');
    assertThrowsAbout(() => checkAlone(node, commands), rival(GROUP, 'the same name', '/nalu'));
  });

  it('is nobody in a dry run, so even one of that name is another', () => {
    const { node, graph } = fakeNode();
    graph.set(GROUP, ['nalu']);
    const commands = commandTopicsOf(robot, undefined);
    assertThrowsAbout(() => checkAlone(node, commands), rival(GROUP, 'the same name'));
  });
});

describe('what is looked at while the arms move', () => {
  const count = (topic: string): TopicCount => ({
    ...{ topic, type: '', source: topic, messages: 1 },
    ...{ stamp: 1n, arrived: performance.now(), problem: undefined },
  });
  const watched = (change: (fake: ReturnType<typeof fakeNode>, topics: TopicCount[]) => void) => {
    const fake = fakeNode();
    const topics = [count('/left/joint_states'), count('/cam/image')];
    const told: string[] = [];
    const stopped: UserError[] = [];
    const close = watchRobot({
      node: fake.node,
      robot: { topics } as unknown as RosRobot,
      commands: commandTopicsOf(robot, 'interbotix'),
      onProblem: (problem) => told.push(problem),
      stop: (problem) => stopped.push(problem),
    });
    return setTimeout(250)
      .then(() => assert.deepEqual(stopped, []))
      .then(() => change(fake, topics))
      .then(() => setTimeout(750))
      .then(() => {
        close();
        return { told, stopped };
      });
  };

  it('ends the motion within a second when another node comes to command an arm', async () => {
    const { stopped } = await watched(({ graph }) => graph.set(GROUP, ['nalu', 'teleoperation']));
    assertAbout(stopped[0], rival(GROUP, '/teleoperation'));
  });

  it('ends it when a second driver tells of the same joints', async () => {
    const { stopped } = await watched(({ graph }) =>
      graph.set('/left/joint_states', ['driver', 'stray']),
    );
    assertAbout(stopped[0], rival('/left/joint_states', '/driver', '/stray'));
  });

  it('ends it by the name of what lasts, and tells that once', async () => {
    const { told, stopped } = await watched((_, [joints]) => {
      joints.problem = 'the stamps are ahead';
    });
    assert.deepEqual(told, ['the stamps are ahead']);
    assert.equal(stopped[0].message, 'the stamps are ahead');
    assert.equal(stopped[0].subject, '/left/joint_states');
  });

  it('passes over one broken message', async () => {
    const { told, stopped } = await watched((_, [, camera]) => {
      camera.problem = 'no JPEG';
      void setTimeout(10).then(() => (camera.problem = undefined));
    });
    assert.deepEqual([told, stopped], [[], []]);
  });
});
