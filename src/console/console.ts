import { UserError, messageOf } from '../errors.ts';
import type { Outcome } from '../episodes/outcome.ts';
import { type Child, openProcess, startProcess } from '../processes/child.ts';
import { keepRunning } from '../processes/restart.ts';
import type { Access } from './access.ts';
import type { ConsoleFunctions, ConsoleWork, RuntimeFunctions } from './consoleProcess.ts';
import type { Presence } from './hub.ts';
import { BEAT, type CameraPicture, type RequestName, type Requests, type TopicName, type Topics } from './protocol.ts'; // prettier-ignore

/** The runtime's answers: each does what is asked by the person `by`, and says what it did or throws a `UserError`. */
export type RuntimeAnswers = {
  [
    Name in RequestName
  ]?: (
    args: Requests[Name]['takes'],
    by: string,
  ) => string | Promise<string> | { value: Requests[Name]['gives'] } | Promise<{ value: Requests[Name]['gives'] }>; // prettier-ignore
};

export interface ConsoleOptions {
  access: Access;
  /** 0 picks a free port. */
  port: number;
  /** Folders of episodes that it shows. */
  episodes?: readonly string[];
  /** Arguments of `nalu doctor` for what it finds on this machine; by default none. */
  doctor?: readonly string[];
  answers: RuntimeAnswers;
  /** Called when a page that the robot depends on is gone, with the sentence why. */
  onHeartbeatLost?: (reason: string) => void;
  /** Called when an episode's outcome was corrected by a label. */
  onLabel?: (id: string, outcome: Outcome) => void;
  /** Hears what an operator should know, a line each. */
  log: (line: string) => void;
}

/** The runtime's end of the console, which runs in a process of its own. Nothing of it waits or throws. */
export interface Console {
  /** Where the page is. */
  readonly url: string;
  /** Whether any page is open. */
  readonly watched: boolean;
  /** Whether somebody operates. */
  readonly attended: boolean;
  /** Shows a topic's new value. */
  publish<Topic extends TopicName>(topic: Topic, value: Topics[Topic]): void;
  picture(picture: CameraPicture): void;
  close(): Promise<void>;
}

const NOBODY: Presence = { pages: 0, attended: false, beating: false };

/** Milliseconds between two questions to the console's process whether it still answers. */
const QUESTION = BEAT;
/** Questions without an answer after which it is no heartbeat any more, as a page that leaves as many beats unanswered. */
const SILENT = 3;
/** Questions without an answer after which it is ended, and started again. */
const HUNG = 20;

/**
 * Asks a child again and again whether it answers, until it has ended. Questions are counted, not time: a thread that
 * was busy itself first takes the answers that came meanwhile.
 */
function watchAnswers(child: Child<ConsoleFunctions>, onSilent: () => void): void {
  let unanswered = 0;
  const timer = setInterval(() => {
    if (unanswered === SILENT) onSilent();
    if (unanswered === HUNG) void child.kill();
    unanswered += 1;
    child.ask('url').then(() => (unanswered = 0), () => clearInterval(timer)); // prettier-ignore
  }, QUESTION);
  timer.unref();
}

const MODULE = new URL('./consoleProcess.js', import.meta.url);
const NAME = "the console's process";

/** Starts the console. Throws a `UserError` where it cannot listen. */
export async function openConsole(options: ConsoleOptions): Promise<Console> {
  const { access, answers, log, onHeartbeatLost, onLabel, episodes = [], doctor = [] } = options;
  const newest = new Map<TopicName, unknown>();
  let presence = NOBODY;

  const local: RuntimeFunctions = {
    async answer(request, args, by) {
      const answer = answers[request];
      if (!answer)
        throw new UserError(`nothing here answers "${request}"`, {
          kind: 'unsupported',
          fields: [request],
        });
      const given = await answer(args as never, by);
      return typeof given === 'string' ? { says: given } : given;
    },
    presence: (now) => void (presence = now),
    heartbeatLost: (name) => onHeartbeatLost?.(`the page of ${name} fell silent`),
    labelled: (...label) => onLabel?.(...label),
  };
  const loseHeartbeat = (reason: string) => {
    if (presence.beating) onHeartbeatLost?.(reason);
  };
  const watch = (child: Child<ConsoleFunctions>) =>
    watchAnswers(child, () => loseHeartbeat('the console hangs'));
  const workOf = (port: number): ConsoleWork => ({ access, port, episodes, doctor });
  const first = await openProcess<ConsoleFunctions>(MODULE, {
    ...{ name: NAME, local },
    data: workOf(options.port),
  });
  const url = await first.ask('url');
  const port = Number(new URL(url).port);
  watch(first);
  const start = () => {
    const child = startProcess<ConsoleFunctions>(MODULE, { name: NAME, local, data: workOf(port) });
    const show = () => {
      watch(child);
      for (const [topic, value] of newest) child.notify('publish', topic, value);
    };
    child.opened.then(show, () => undefined);
    return child;
  };
  const child = keepRunning<ConsoleFunctions>({
    first,
    start,
    onEnd(error) {
      loseHeartbeat('the console ended');
      presence = NOBODY;
      log(`${messageOf(error)}; it is started again`);
    },
  });
  return {
    url,
    get watched() {
      return presence.pages > 0;
    },
    get attended() {
      return presence.attended;
    },
    publish(topic, value) {
      newest.set(topic, value);
      child.notify('publish', topic, value);
    },
    picture: (picture) => child.notify('picture', picture),
    close: () => child.close(),
  };
}
