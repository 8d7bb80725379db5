import type { Outcome } from '../episodes/outcome.ts';
import type { Calls } from '../processes/calls.ts';
import { yieldToControl } from '../processes/priority.ts';
import { serve } from '../processes/serve.ts';
import type { Access } from './access.ts';
import { createDownloads } from './downloads.ts';
import { episodeAnswers } from './episodeAnswers.ts';
import { findingsAnswer } from './findings.ts';
import type { Answered } from './page.ts';
import type { CameraPicture, RequestName, TopicName } from './protocol.ts';
import type { Presence } from './hub.ts';
import { startConsoleServer } from './server.ts';

/** What the console's process is started with. */
export interface ConsoleWork {
  access: Access;
  port: number;
  /** Folders of episodes that it shows. */
  episodes: readonly string[];
  /** Arguments of `nalu doctor` for what it finds on this machine. */
  doctor: readonly string[];
}

/** What it offers to the runtime. */
export interface ConsoleFunctions {
  url: () => string;
  publish: (topic: TopicName, value: unknown) => void;
  picture: (picture: CameraPicture) => void;
}

/** What the runtime offers to it. */
export interface RuntimeFunctions {
  answer: (request: RequestName, args: unknown, by: string) => Promise<Answered>;
  presence: (presence: Presence) => void;
  heartbeatLost: (name: string) => void;
  labelled: (id: string, outcome: Outcome) => void;
}

// The robot goes first.
yieldToControl();

serve(async (work: ConsoleWork, runtime: Calls<RuntimeFunctions>) => {
  const downloads = createDownloads();
  const server = await startConsoleServer({
    ...{ access: work.access, downloads },
    port: work.port,
    own: {
      ...findingsAnswer(work.doctor),
      ...episodeAnswers(work.episodes, {
        onLabel: (...label) => runtime.notify('labelled', ...label),
        offer: (file) => downloads.offer(file),
      }),
    },
    askRuntime: (request, args, by) => runtime.ask('answer', request, args, by),
    onPresence: (presence) => runtime.notify('presence', presence),
    onHeartbeatLost: (name) => runtime.notify('heartbeatLost', name),
  });
  return {
    url: () => server.url,
    publish: (topic: TopicName, value: never) => server.publish(topic, value),
    picture: (picture: CameraPicture) => server.picture(picture),
    close: () => server.close(),
  };
});
