import { ADAPTERS, BEAT, EPISODES, POLICY, adapterPart, episodePart, offerSubject, robotSubject, wantedSubject } from './subjects.ts'; // prettier-ignore

/** The subjects that a user of the server may publish and subscribe to. */
export interface Permissions {
  publish: readonly string[];
  subscribe: readonly string[];
}

const API = '$JS.API';
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
  publish: ['nalu.>', '$JS.>', wantedSubject('*'), '_INBOX.>'],
  subscribe: ['nalu.>', inboxOf(name)],
});

/** A watcher hears how robots are and what they are to play, and says nothing. */
const watcher = (name: string): Permissions => ({
  publish: [
    `${API}.INFO`,
    `${API}.STREAM.INFO.${EPISODES}`,
    reads(`KV_${POLICY}`, wantedSubject('*')),
  ],
  subscribe: [
    BEAT,
    robotSubject('*', 'health'),
    robotSubject('*', 'event'),
    wantedSubject('*'),
    inboxOf(name),
  ],
});

/** Users whose names are their tasks; all others are robots. */
export const TASKS: Record<string, (name: string) => Permissions> = { learner, watcher };

/** What the user of that name may do. */
export const permissionsOf = (name: string): Permissions => (TASKS[name] ?? robot)(name);
