import { setTimeout } from 'node:timers/promises';
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import type { ZodType } from 'zod';
import type { FleetRobot, Success } from '../../console/protocol.ts';
import { UserError } from '../../errors.ts';
import type { Nats } from '../../nats/connect.ts';
import { totalOf, withInterval } from '../../tensors/successRates.ts';
import { parseJson } from '../../validate.ts';
import { FLEET, HEALTH, LEARNER_KEY, type LearnerStatus, fleetSubject, learnerStatusSchema, robotKey, robotStatusSchema } from './fleet.ts'; // prettier-ignore
import { BEAT, EPISODES, POLICY, readMessage, robotIn, robotSubject, wantedSubject } from './subjects.ts'; // prettier-ignore

/** Milliseconds for which it is listened for who is there; a robot and a learner say so every second. */
const LISTEN = 2500;
/** Messages that are asked for at once. */
const AT_ONCE = 64;

/** A fleet, as far as its server knows. */
export interface Fleet {
  learner: { isThere: boolean; lastHeard?: string; status?: LearnerStatus };
  robots: FleetRobot[];
  /** Newest last. */
  versions: ({ version: string; parent: string | null; rolledBack: boolean } & Success)[];
  /** Episodes that wait on the server. */
  waiting: number;
}

interface Kept {
  text: string;
  time: string;
}

const isLacking = (error: unknown) =>
  error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;

/** The newest message of each subject of a stream; none where there is no such stream. */
async function newest({ manager }: Nats, stream: string, filter: string) {
  const messages = new Map<string, Kept>();
  const info = await manager.streams
    .info(stream, { subjects_filter: filter })
    .catch((error: unknown) => {
      if (isLacking(error)) return undefined;
      throw error;
    });
  const subjects = Object.keys(info?.state.subjects ?? {});
  for (let i = 0; i < subjects.length; i += AT_ONCE)
    await Promise.all(
      subjects.slice(i, i + AT_ONCE).map(async (subject) => {
        const message = await manager.direct
          .getMessage(stream, { last_by_subj: subject })
          .catch(() => undefined);
        // A key that was removed has no value.
        if (message && message.data.length > 0)
          messages.set(subject, { text: message.string(), time: message.time.toISOString() });
      }),
    );
  return messages;
}

/** What a message says; undefined for one that another version of Nalu wrote. */
function told<T>(schema: ZodType<T>, kept: Kept | undefined): T | undefined {
  if (!kept) return undefined;
  try {
    return schema.safeParse(parseJson(kept.text, 'what the learner told')).data;
  } catch {
    return undefined;
  }
}

function said<K extends 'health' | 'event' | 'wanted' | 'beat'>(kind: K, kept: Kept | undefined) {
  try {
    return kept && readMessage(kind, kept.text);
  } catch {
    return undefined;
  }
}

/** Whom is heard within a while. */
async function listen({ connection }: Nats, milliseconds: number) {
  const heard = new Map<string, string>();
  const subscriptions = [robotSubject('*', 'health'), BEAT].map((subject) =>
    connection.subscribe(subject, {
      callback: (error, message) => {
        if (!error) heard.set(message.subject, message.string());
      },
    }),
  );
  await setTimeout(milliseconds);
  for (const subscription of subscriptions) subscription.unsubscribe();
  return heard;
}

/** What a server knows of its fleet. Throws a `UserError` for one that has none. */
export async function readFleet(nats: Nats, milliseconds = LISTEN): Promise<Fleet> {
  const heard = await listen(nats, milliseconds);
  const [health, fleet, wanted, episodes] = await Promise.all([
    newest(nats, HEALTH, 'nalu.>'),
    newest(nats, `KV_${FLEET}`, fleetSubject('>')),
    newest(nats, `KV_${POLICY}`, wantedSubject('*')),
    nats.manager.streams.info(EPISODES).catch((error: unknown) => {
      if (isLacking(error)) return undefined;
      throw error;
    }),
  ]);
  if (!episodes)
    throw new UserError(
      `${nats.address}: no learner has served robots there yet; start one with nalu learn FOLDER --address ${nats.address}`,
      { kind: 'missing', subject: nats.address },
    );
  const status = told(learnerStatusSchema, fleet.get(fleetSubject(LEARNER_KEY)));
  const shown = (version: string) => (version === status?.first ? status.origin : version);
  const isOpen = (text: string | undefined, kind: 'health' | 'beat') =>
    text !== undefined && said(kind, { text, time: '' })?.isClosing !== true;

  const names = new Set([
    ...[...health.keys()].filter((subject) => subject !== BEAT).map(robotIn),
    ...[...wanted.keys()].map(robotIn),
    ...[...fleet.keys()].flatMap((subject) => /\.robot\.([^.]+)$/.exec(subject)?.[1] ?? []),
  ]);
  const robotOf = (name: string): FleetRobot => {
    const subject = robotSubject(name, 'health');
    const kept = health.get(subject);
    const own = said('health', kept);
    const event = said('event', health.get(robotSubject(name, 'event')));
    const pin = status?.pinned[name] ?? status?.pinned['*'];
    const play = said('wanted', wanted.get(wantedSubject(name)))?.name;
    const { success = [], moved } = told(robotStatusSchema, fleet.get(fleetSubject(robotKey(name)))) ?? {}; // prettier-ignore
    const problem = own?.problem ?? (event?.kind === 'notTaken' ? `version ${event.version} was not taken: ${event.why}` : undefined); // prettier-ignore
    return {
      name,
      isThere: isOpen(heard.get(subject), 'health'),
      ...(kept && { lastHeard: kept.time }),
      ...(own && { plays: shown(own.version), waiting: own.pending }),
      ...(play !== undefined && { wanted: shown(play) }),
      ...(pin && { pinnedBy: pin.by }),
      isOnTrial: status?.trial?.robots.includes(name) ?? false,
      success: success.map((cell) => ({ version: cell.version, ...withInterval(cell) })),
      ...(moved && { moved }),
      ...(problem != null && { problem }),
    };
  };
  const robots = [...names].sort().map(robotOf);
  const cells = robots.flatMap(({ success }) => success);
  const beat = health.get(BEAT);
  return {
    learner: {
      isThere: isOpen(heard.get(BEAT), 'beat'),
      ...(beat && { lastHeard: beat.time }),
      ...(status && { status }),
    },
    robots,
    versions: (status?.versions ?? []).map((version) => ({
      ...version,
      ...withInterval(totalOf(cells.filter((cell) => cell.version === version.version))),
    })),
    waiting: episodes.state.messages,
  };
}
