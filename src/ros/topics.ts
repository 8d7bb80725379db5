import { setTimeout } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import type { CommandTopic } from './commands.ts';
import type { RosNode } from './rclnodejs.ts';
import type { RosRobot } from './rosRobot.ts';
import type { TopicCount } from './topicCounts.ts';

/** Seconds that a robot's topics have to show something. */
const PATIENCE = 10;

/** Seconds after which a node that was killed is surely out of the graph (DDS' lease: 10). */
const FORGETTING = 12;

/** Milliseconds after which a topic that spoke has gone quiet. */
const QUIET = 1000;

/** Milliseconds without a newer time after which a /clock stands. */
const STANDSTILL = 600;

const COMPRESSED = '/compressed';

const typeOf = (name: string) => name.replace('::dds_', '').replaceAll('::', '/').replace(/_$/, '');

/** What to do where a camera's images come by its other transport; undefined where they do not. */
function otherTransport(node: RosNode, topic: string): string | undefined {
  const { other, transport } = topic.endsWith(COMPRESSED)
    ? { other: topic.slice(0, -COMPRESSED.length), transport: 'raw' }
    : { other: topic + COMPRESSED, transport: 'compressed' };
  if (node.countPublishers(other) === 0) return undefined;
  return `${other} is published: set transport: ${transport} of that camera in the calibration`;
}

/** What is wrong with what comes over a topic now; undefined if nothing. A /clock that stands has a problem too. */
export function problemOf({ source, stamp, arrived, problem }: TopicCount): string | undefined {
  if (problem !== undefined || source !== 'clock' || arrived === undefined) return problem;
  const stood = performance.now() - arrived;
  return stood < STANDSTILL
    ? undefined
    : `/clock has stood still at ${(Number(stamp) / 1e9).toFixed(2)} s for ${(stood / 1000).toFixed(1)} s of this machine's time; check the node that publishes it`;
}

/** Why nothing usable comes over a topic, in the words of `ros2 topic info`. */
function silence(node: RosNode, count: TopicCount): string {
  const { topic, type, messages } = count;
  const problem = problemOf(count);
  if (problem) return problem;
  const publishers = node.getPublishersInfoByTopic(topic, false);
  if (publishers.length === 0)
    return `nobody publishes ${topic} (ros2 topic info ${topic}: Publisher count: 0); ${otherTransport(node, topic) ?? 'start the driver, or correct the topic in the calibration'}`;
  const other = publishers.find((publisher) => typeOf(publisher.topic_type) !== type);
  if (other)
    return `${topic} is published as ${typeOf(other.topic_type)} by ${other.node_name}, not as ${type}`;
  return messages > 0
    ? `${topic} has gone quiet after ${messages} messages`
    : `${topic} has a publisher, ${publishers[0].node_name}, but no message comes; compare their QoS: ros2 topic info --verbose ${topic}`;
}

/** The error of topics that nothing usable comes over. */
const silenceOf = (node: RosNode, topics: readonly TopicCount[]): UserError =>
  new UserError(topics.map((count) => silence(node, count)).join('\n'), {
    kind: 'unreachable',
    fields: topics.map(({ topic }) => topic),
  });

/** Waits until each topic has given a usable message. Throws a `UserError` that says of each one why not. */
export async function awaitTopics(
  node: RosNode,
  { topics }: RosRobot,
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now();
  const silent = () => topics.filter(({ stamp }) => stamp === undefined);
  while (silent().length > 0) {
    signal.throwIfAborted();
    const wrong = silent().filter(({ problem }) => problem);
    const patience = wrong.length > 0 ? 1 : PATIENCE;
    if (performance.now() - began > patience * 1000) throw silenceOf(node, silent());
    await setTimeout(20);
  }
}

/** Throws a `UserError` where a topic gives nothing usable now, though it may have done before. */
export function checkTopics(node: RosNode, { topics }: RosRobot): void {
  const oldest = performance.now() - QUIET;
  const silent = topics.filter(
    (count) =>
      problemOf(count) !== undefined || count.arrived === undefined || count.arrived < oldest,
  );
  if (silent.length > 0) throw silenceOf(node, silent);
}

/** Full names of the nodes that publish a topic, one as often as it does. */
const publishersOf = (node: RosNode, topic: string): string[] =>
  node
    .getPublishersInfoByTopic(topic, false)
    .map(({ node_name, node_namespace }) => `${node_namespace.replace(/\/$/, '')}/${node_name}`);

/** The error of another node that commands the same arms; undefined if there is none. A count comes first: it is cheap. */
export function rivalOf(node: RosNode, topics: readonly CommandTopic[]): UserError | undefined {
  for (const { topic, own } of topics) {
    if (node.countPublishers(topic) <= Number(own)) continue;
    const rivals = publishersOf(node, topic);
    const self = node.getFullyQualifiedName();
    if (own && rivals.includes(self)) rivals.splice(rivals.indexOf(self), 1);
    if (rivals.length === 0) continue;
    const who = rivals[0] === self ? `another node of the same name, ${self},` : rivals[0];
    return new UserError(
      `${who} commands ${topic} too; stop it before this node may move the arms`,
      { kind: 'unready', subject: topic },
    );
  }
  return undefined;
}

/** Throws a `UserError` where another node commands the same arms. */
export function checkAlone(node: RosNode, topics: readonly CommandTopic[]): void {
  const rival = rivalOf(node, topics);
  if (rival) throw rival;
}

/** The error of a topic whose messages come from more than one node; undefined if there is none. */
export function mixedSource(node: RosNode, { topics }: RosRobot): UserError | undefined {
  const mixed = topics.find(({ topic }) => node.countPublishers(topic) > 1)?.topic;
  if (mixed === undefined) return undefined;
  return new UserError(
    `${publishersOf(node, mixed).join(' and ')} publish ${mixed}; stop all but one of them before this node may move the arms`,
    { kind: 'unready', subject: mixed },
  );
}

/**
 * Waits until what the robot senses, and the clock, come from one node each: the messages of two would mix. Throws
 * a `UserError` where they do not.
 */
export async function awaitSingleSources(node: RosNode, robot: RosRobot): Promise<void> {
  const began = performance.now();
  for (let mixed = mixedSource(node, robot); mixed; mixed = mixedSource(node, robot)) {
    if (performance.now() - began > FORGETTING * 1000) throw mixed;
    await setTimeout(100);
  }
}
