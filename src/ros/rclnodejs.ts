import { UserError, messageOf } from '../errors.ts';

/*
 * What Nalu uses of rclnodejs. Its own types are not there where the package is not: it is optional,
 * since it only installs beside a ROS 2.
 */

export interface RosTime {
  nanoseconds: bigint;
}

/** rclnodejs.QoS, or the name of a profile. */
export type Qos = object | string;

export interface EntityOptions {
  qos?: Qos;
  /** Gives the message's CDR bytes instead of an object. */
  isRaw?: boolean;
  qosOverridingOptions?: object;
}

export interface RosPublisher {
  publish(message: object): void;
}

export interface RosParameter {
  name: string;
  value: unknown;
}

export interface RosServiceResponse {
  template: Record<string, unknown>;
  send(response: object): void;
}

export interface RosClient {
  isServiceServerAvailable(): boolean;
  waitForService(timeout: number): Promise<boolean>;
  sendRequest(request: object, callback: (response: Record<string, unknown>) => void): void;
  /** Rejects with a TimeoutError after `timeout` ms, or when `signal` aborts. */
  sendRequestAsync(
    request: object,
    options: { timeout: number; signal?: AbortSignal },
  ): Promise<Record<string, unknown>>;
}

export interface RosEndpoint {
  node_name: string;
  node_namespace: string;
  topic_type: string;
  qos_profile: { reliability: number };
}

export interface RosNode {
  name(): string;
  namespace(): string;
  getFullyQualifiedName(): string;
  getClock(): { now(): RosTime };
  getLogger(): Record<'debug' | 'info' | 'warn' | 'error' | 'fatal', (text: string) => void>;
  createPublisher(type: string, topic: string, options?: EntityOptions): RosPublisher;
  createSubscription(
    type: string,
    topic: string,
    options: EntityOptions,
    callback: (message: never) => void,
  ): object;
  destroySubscription(subscription: object): void;
  destroyPublisher(publisher: object): void;
  createService(
    type: string,
    name: string,
    options: EntityOptions,
    callback: (request: never, response: RosServiceResponse) => void,
  ): object;
  createClient(type: string, name: string): RosClient;
  destroyClient(client: RosClient): void;
  /** What command line and files say of its parameters. rclnodejs has no public way to it. */
  readonly _parameterOverrides?: ReadonlyMap<string, RosParameter>;
  declareParameter(parameter: object, descriptor: object): void;
  getParameter(name: string): RosParameter;
  setParametersAtomically(parameters: RosParameter[]): { successful: boolean; reason: string };
  getTopicNamesAndTypes(): { name: string; types: string[] }[];
  countPublishers(topic: string): number;
  countSubscribers(topic: string): number;
  getPublishersInfoByTopic(topic: string, noDemangle: boolean): RosEndpoint[];
  getSubscriptionsInfoByTopic(topic: string, noDemangle: boolean): RosEndpoint[];
  spin(): void;
  destroy(): void;
}

export interface Ros {
  init(context?: object, argv?: string[]): Promise<void>;
  shutdown(): void;
  removeSignalHandlers(): void;
  createNode(name: string): RosNode;
  /** The class of a message or service type. Throws where it is not there. */
  require(type: string): unknown;
  QoS: new (
    history: number,
    depth: number,
    reliability: number,
    durability: number,
    liveliness: number,
    avoidRosNameSpaceConventions: boolean,
  ) => object;
  QoSOverridingOptions: { withDefaultPolicies(): object };
  Parameter: new (name: string, type: number, value: unknown) => object;
  ParameterDescriptor: new (
    name: string,
    type: number,
    description: string,
    readOnly: boolean,
    range?: object,
  ) => { additionalConstraints: string };
  FloatingPointRange: new (from: number, to: number, step: number) => object;
  IntegerRange: new (from: bigint, to: bigint) => object;
}

const SOURCE_IT = 'source its setup file (as in `source /opt/ros/jazzy/setup.bash`)';

/**
 * Loads rclnodejs. Where no ROS 2 is sourced it is not touched: loading it there tries to rebuild it,
 * which may delete a working build. Throws a `UserError` with the next step.
 */
export async function loadRos(): Promise<Ros> {
  if (!process.env.AMENT_PREFIX_PATH)
    throw new UserError(`no ROS 2 in this shell: ${SOURCE_IT} and try again`, {
      kind: 'missing',
      subject: 'ROS 2',
    });
  const name = 'rclnodejs';
  try {
    return ((await import(name)) as { default: Ros }).default;
  } catch (error) {
    throw new UserError(
      `rclnodejs cannot be loaded: ${messageOf(error)}. With ROS 2 sourced, run: npm_config_yes=true npm install rclnodejs`,
      { cause: error, kind: 'missing', subject: 'rclnodejs' },
    );
  }
}
