import { randomUUID } from 'node:crypto';
import type { Msg } from '@nats-io/transport-node';
import { messageOf } from '../../errors.ts';
import { type Nats, connectNats } from '../../nats/connect.ts';
import type {
  BoundPlace,
  LearnerEnd,
  LearnerEndOptions,
  LearnerPlace,
} from '../learner/learnerEnd.ts';
import { openDesk } from './desk.ts';
import { openPublishing } from './publishing.ts';
import { Reception } from './reception.ts';
import { type Robots, openRobots } from './robots.ts';
import { openStreams } from './streams.ts';
import { type Tenure, openTenure } from './tenure.ts';
import { BEAT, NATS_PROTOCOL, readMessage, robotIn, robotSubject, writeMessage } from './subjects.ts'; // prettier-ignore

/** Milliseconds. */
const BEAT_EVERY = 1000;

/** Hears messages; one that is none of Nalu's is reported, and changes nothing. */
function hear(
  nats: Nats,
  subject: string,
  log: (line: string) => void,
  take: (message: Msg) => void,
): void {
  // prettier-ignore
  nats.connection.subscribe(subject, {
    callback: (error, message) => {
      if (error) return log(`${nats.address}: ${error.message}`);
      try {
        take(message);
      } catch (fault) {
        log(`${message.subject}: ${messageOf(fault)}`);
      }
    },
  });
}

/** Answers a hello: a robot that does not fit is refused by name. Gives whether it was let in. */
function answerHello(robots: Robots, instance: string, message: Msg): boolean {
  const robot = robotIn(message.subject);
  const answer = (refused?: string) =>
    message.respond(
      writeMessage('welcome', { instance, ...(refused !== undefined && { refused }) }),
    );
  try {
    const refused = robots.greet(robot, readMessage('hello', message.string()));
    answer(refused);
    return refused === undefined;
  } catch (fault) {
    robots.refuse(`the robot ${robot}`, messageOf(fault));
    answer(messageOf(fault));
    return false;
  }
}

/** Serves the robots of a server that is this learner's alone. */
async function serve(
  { nats, instance, tenure }: { nats: Nats; instance: string; tenure: Tenure },
  onChange: (hear: (broken: string | undefined) => void) => void,
  options: LearnerEndOptions,
): Promise<LearnerEnd> {
  const { log } = options;
  const { hold } = tenure;
  const buckets = await openStreams(nats);
  await tenure.begin();
  const robots = openRobots(options);
  const publishing = await openPublishing(nats, buckets.policy, { ...options, hold });
  const desk = openDesk({ nats, bucket: buckets.fleet, obey: options.obey, hold, log });
  const beat = (isClosing: boolean) =>
    nats.connection.publish(
      BEAT,
      writeMessage('beat', { protocol: NATS_PROTOCOL, instance, ...(isClosing && { isClosing }) }),
    );
  hear(nats, robotSubject('*', 'hello'), log, (message) => {
    if (answerHello(robots, instance, message)) void publishing.greet(robotIn(message.subject));
  });
  hear(nats, robotSubject('*', 'health'), log, (message) =>
    robots.takeHealth(robotIn(message.subject), readMessage('health', message.string())),
  );
  hear(nats, robotSubject('*', 'event'), log, (message) => {
    const [robot, event] = [robotIn(message.subject), readMessage('event', message.string())];
    if (event.kind === 'notTaken') publishing.notTaken(robot, event.version);
    robots.takeEvent(robot, event);
  });
  const reception = new Reception(nats, robots, { ...options, tenure });
  const timer = setInterval(() => beat(false), BEAT_EVERY);
  const begin = () => {
    beat(false);
    void publishing.announce();
    desk.look();
  };
  onChange((broken) => {
    if (broken !== undefined) return reception.broke();
    begin();
    reception.again();
  });
  begin();
  return {
    announce: (plan) => publishing.announce(plan),
    tell: (status) => desk.tell(status),
    async close() {
      clearInterval(timer);
      beat(true);
      robots.close();
      await desk.close();
      await reception.close();
      await nats.close();
    },
  };
}

/** Takes a NATS server for a learner. Throws a `UserError` for one that cannot be used, or serves another learner. */
export async function bindNatsLearner(place: LearnerPlace): Promise<BoundPlace> {
  const { address, keys, folder, log, onReplaced } = place;
  let hear: (broken: string | undefined) => void = () => undefined;
  const nats = await connectNats({
    ...{ address, keys, onForbidden: log },
    onChange(broken) {
      log(broken ?? `the server at ${nats.address} is back`);
      hear(broken);
    },
  });
  const instance = randomUUID();
  try {
    const tenure = await openTenure({ nats, instance, folder, log }, onReplaced);
    return {
      address,
      serve: (options) =>
        serve({ nats, instance, tenure }, (listener) => (hear = listener), options),
      close: () => nats.close(),
    };
  } catch (error) {
    await nats.close();
    throw error;
  }
}
