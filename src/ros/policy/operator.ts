import { messageOf } from '../../errors.ts';
import { edge } from '../edge.ts';
import { quality } from '../qos.ts';
import type { Ros, RosNode, RosServiceResponse } from '../rclnodejs.ts';

/** What a person asks of the node, as services of these names (std_srvs/Trigger). */
export const REQUESTS = [
  'start',
  'success',
  'failure',
  'discard',
  'stop',
  'resume',
  'home',
  'scene_ready',
] as const;
export type Request = (typeof REQUESTS)[number];

/** Says what was done, or throws why it cannot be. */
export type Answer = Record<Exclude<Request, 'start'>, () => string | Promise<string>> & {
  start: (attempts?: number) => Promise<string>;
};

/** Asks for a request; the message says what was done, or why it cannot be. */
export type Ask = (request: Request) => Promise<{ success: boolean; message: string }>;

const isRequest = (text: string): text is Request => REQUESTS.includes(text as Request);

/** Hands on what a std_msgs/String topic says. */
export function listenToText(
  ros: Ros,
  node: RosNode,
  topic: string,
  take: (text: string) => void | Promise<void>,
): void {
  const onFault = (error: unknown) => node.getLogger().error(String(error));
  const callback = edge(({ data }: { data: string }) => take(data), onFault);
  node.createSubscription('std_msgs/msg/String', topic, quality(ros, 'command'), callback);
}

/** Offers ~/start, ~/success, … and takes the same words from `outcomeTopic`. Gives what asks for them here. */
export function createOperator(ros: Ros, node: RosNode, outcomeTopic: string, answer: Answer): Ask {
  const log = node.getLogger();
  const ask: Ask = async (request) => {
    try {
      return { success: true, message: await answer[request]() };
    } catch (error) {
      return { success: false, message: messageOf(error) };
    }
  };
  const onFault = (error: unknown) => log.error(String(error));
  for (const request of REQUESTS) {
    const callback = async (_: never, response: RosServiceResponse) =>
      response.send(await ask(request));
    node.createService('std_srvs/srv/Trigger', `~/${request}`, {}, edge(callback, onFault));
  }
  listenToText(ros, node, outcomeTopic, async (text) => {
    if (!isRequest(text)) {
      log.warn(`${outcomeTopic}: '${text}' is none of ${REQUESTS.join(', ')}`);
      return;
    }
    const { success, message } = await ask(text);
    if (!success) log.warn(`${outcomeTopic}: ${message}`);
  });
  return ask;
}
