import { setTimeout } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import type { RosNode } from './rclnodejs.ts';
import type { RosRobot, TopicCount } from './rosRobot.ts';

/** Seconds that a robot's topics have to show something. */
const PATIENCE = 10;

/** Seconds after which a node that was killed is surely out of the graph (DDS' lease: 10). */
const FORGETTING = 12;

const typeOf = (name: string) => name.replace('::dds_', '').replaceAll('::', '/').replace(/_$/, '');

/** Why nothing usable comes over a topic, in the words of `ros2 topic info`. */
function silence(node: RosNode, { topic, type, problem, messages }: TopicCount): string {
  if (problem) return problem;
  const publishers = node.getPublishersInfoByTopic(topic, false);
  if (publishers.length === 0)
    return `nobody publishes ${topic} (ros2 topic info ${topic}: Publisher count: 0); start the driver, or correct the topic in the calibration`;
  const other = publishers.find((publisher) => typeOf(publisher.topic_type) !== type);
  if (other)
    return `${topic} is published as ${typeOf(other.topic_type)} by ${other.node_name}, not as ${type}`;
  return messages > 0
    ? `${topic} has gone quiet after ${messages} messages`
    : `${topic} has a publisher, ${publishers[0].node_name}, but no message comes; compare their QoS: ros2 topic info --verbose ${topic}`;
}

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
    if (performance.now() - began > patience * 1000)
      throw new UserError(
        silent()
          .map((count) => silence(node, count))
          .join('\n'),
      );
    await setTimeout(20);
  }
}

/** Full names of the nodes that publish a topic, one as often as it does. */
const publishersOf = (node: RosNode, topic: string): string[] =>
  node
    .getPublishersInfoByTopic(topic, false)
    .map(({ node_name, node_namespace }) => `${node_namespace.replace(/\/$/, '')}/${node_name}`);

/** Throws a `UserError` where another node commands the same arms. */
export function checkAlone(node: RosNode, commandTopics: readonly string[]): void {
  for (const topic of commandTopics)
    for (const other of publishersOf(node, topic))
      if (other !== node.getFullyQualifiedName())
        throw new UserError(
          `${other} commands ${topic} too; stop it before this node may move the arms`,
        );
}

/**
 * Waits until what the robot senses, and the clock, come from one node each: the messages of two would mix. Throws
 * a `UserError` where they do not.
 */
export async function awaitSingleSources(node: RosNode, { topics }: RosRobot): Promise<void> {
  const began = performance.now();
  const mixed = () =>
    topics
      .map(({ topic }) => ({ topic, sources: publishersOf(node, topic) }))
      .find(({ sources }) => sources.length > 1);
  for (let found = mixed(); found; found = mixed()) {
    if (performance.now() - began > FORGETTING * 1000)
      throw new UserError(
        `${found.sources.join(' and ')} publish ${found.topic}; stop all but one of them before this node may move the arms`,
      );
    await setTimeout(100);
  }
}
