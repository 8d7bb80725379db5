import { WORK } from '../../nats/workNames.ts';
import { FLEET, HEALTH, ORDER_KEY, fleetSubject } from './fleet.ts';
import { ADAPTERS, BEAT, EPISODES, POLICY, adapterPart, episodePart, offerSubject, robotSubject, wantedSubject } from './subjects.ts'; // prettier-ignore

/** The subjects that a user of the server may publish and subscribe to. */
export interface Permissions {
  publish: readonly string[];
  subscribe: readonly string[];
}

const API = '$JS.API';
/** The buckets and streams of the queue of attempts. */
const BUCKETS = [WORK.runs, WORK.workers];
const STREAMS = [WORK.jobs, WORK.results, WORK.objects, ...BUCKETS.map((bucket) => `KV_${bucket}`)]; // prettier-ignore
const inboxOf = (name: string) => `_INBOX.${name}.>`;
/** Reads of the newest message of a subject of a stream. */
const reads = (stream: string, subject: string) => `${API}.DIRECT.GET.${stream}.${subject}`;

/** A robot speaks only as itself, and reads adapters and the version that it is to play. */
const robot = (name: string): Permissions => ({
  publish: [
    ...(['hello', 'health', 'event'] as const).map((what) => robotSubject(name, what)),
    offerSubject(name, '*'),
    episodePart(name, '*', '>'),
    `${API}.INFO`,
    `${API}.STREAM.INFO.${EPISODES}`,
    reads(ADAPTERS, adapterPart('*', '>')),
    reads(`KV_${POLICY}`, wantedSubject(name)),
  ],
  subscribe: [BEAT, robotSubject(name, 'answer'), wantedSubject(name), inboxOf(name)],
});

/** A learner makes the streams, takes what robots say, and sets what they play. */
const learner = (name: string): Permissions => ({
  publish: ['nalu.>', '$JS.>', wantedSubject('*'), fleetSubject('>'), '_INBOX.>'],
  subscribe: ['nalu.>', fleetSubject(ORDER_KEY), inboxOf(name)],
});

/** A watcher hears how robots are and what they are to play, and says nothing. */
const watcher = (name: string): Permissions => ({
  publish: [
    `${API}.INFO`,
    ...[EPISODES, HEALTH, `KV_${POLICY}`, `KV_${FLEET}`].map(
      (stream) => `${API}.STREAM.INFO.${stream}`,
    ),
    reads(HEALTH, 'nalu.>'),
    reads(`KV_${POLICY}`, wantedSubject('*')),
    reads(`KV_${FLEET}`, fleetSubject('>')),
  ],
  subscribe: [
    BEAT,
    robotSubject('*', 'health'),
    robotSubject('*', 'event'),
    wantedSubject('*'),
    fleetSubject('>'),
    inboxOf(name),
  ],
});

/** An operator watches, and orders. */
const operator = (name: string): Permissions => {
  const { publish, subscribe } = watcher(name);
  return { publish: [...publish, fleetSubject(ORDER_KEY)], subscribe };
};

/** A worker, or a run that has workers: of the queue of attempts alone, and there whatever it needs. */
const worker = (name: string): Permissions => ({
  publish: [
    `${API}.INFO`,
    'nalu-work.>',
    ...BUCKETS.map((bucket) => `$KV.${bucket}.>`),
    ...STREAMS.flatMap((stream) => [
      `${API}.STREAM.*.${stream}`,
      `${API}.STREAM.MSG.*.${stream}`,
      `${API}.DIRECT.GET.${stream}`,
      `${API}.DIRECT.GET.${stream}.>`,
      `${API}.CONSUMER.*.${stream}`,
      `${API}.CONSUMER.*.${stream}.>`,
      `${API}.CONSUMER.MSG.NEXT.${stream}.>`,
      `$JS.ACK.${stream}.>`,
      `$JS.FC.${stream}.>`,
    ]),
    `${API}.STREAM.NAMES`,
  ],
  subscribe: [inboxOf(name)],
});

/** Users whose names are their tasks; all others are robots. */
export const TASKS: Record<string, (name: string) => Permissions> = {
  learner,
  watcher,
  operator,
  worker,
};

/** What the user of that name may do. */
export const permissionsOf = (name: string): Permissions => (TASKS[name] ?? robot)(name);
