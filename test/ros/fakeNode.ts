import type { Ros, RosClient, RosNode } from '../../src/ros/rclnodejs.ts';

type Message = Record<string, unknown>;

/** Answers a request, now or never. */
type Service = (request: Message, answer: (response: Message) => void) => void;

/** What rclnodejs throws where an answer stays away. */
class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/**
 * A node and its ROS without a ROS: messages come by `send` or from the node's own publishers, publishers of others
 * stand in `graph`, and `services` are those of others. Enough for what the policy's node asks before and while the
 * arms move.
 */
export function fakeNode({ simTime = false } = {}) {
  const callbacks = new Map<string, ((message: never) => void)[]>();
  const graph = new Map<string, string[]>();
  const services = new Map<string, Service>();
  let ahead = 0n;
  const send = (topic: string, message: object) => {
    for (const take of callbacks.get(topic) ?? []) take(message as never);
  };

  const createClient = (_type: string, name: string): Partial<RosClient> => ({
    isServiceServerAvailable: () => services.has(name),
    sendRequestAsync: (request, { timeout, signal }) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new TimeoutError('timeout')), timeout);
        const settle = (done: () => void) => {
          clearTimeout(timer);
          done();
        };
        signal?.addEventListener('abort', () => settle(() => reject(new Error('aborted'))));
        services.get(name)!(request as Message, (response) => settle(() => resolve(response)));
      }),
  });

  const node = {
    name: () => 'nalu',
    getFullyQualifiedName: () => '/nalu',
    getParameter: (name: string) => ({ name, value: name === 'use_sim_time' && simTime }),
    getClock: () => ({ now: () => ({ nanoseconds: BigInt(Date.now()) * 1_000_000n + ahead }) }),
    createSubscription(
      _type: string,
      topic: string,
      _options: object,
      take: (message: never) => void,
    ) {
      callbacks.set(topic, [...(callbacks.get(topic) ?? []), take]);
      return {};
    },
    createPublisher: (_type: string, topic: string) => ({
      publish: (message: object) => send(topic, message),
    }),
    destroySubscription: () => undefined,
    createClient,
    destroyClient: () => undefined,
    countPublishers: (topic: string) => graph.get(topic)?.length ?? 0,
    getPublishersInfoByTopic: (topic: string) =>
      (graph.get(topic) ?? []).map((name) => ({
        node_name: name,
        node_namespace: '/',
        topic_type: '',
      })),
  } as unknown as RosNode;

  class QoS {}
  const ros = { QoS, QoSOverridingOptions: { withDefaultPolicies: () => ({}) } } as unknown as Ros;

  return {
    ros,
    node,
    /** Names of the nodes that publish a topic, in the root namespace. */
    graph,
    services,
    /** Sets the node's clock ahead of the wall's, ns. */
    setAhead: (by: bigint) => (ahead = by),
    send,
  };
}
