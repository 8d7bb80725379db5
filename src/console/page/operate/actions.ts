import type { Phase, RequestName } from '../../protocol.ts';
import { PHASES } from '../../protocol.ts';
import { ask, link } from '../live/connection.ts';
import { hasSeat, mayOperate, operatorName } from '../live/seat.ts';
import { topics } from '../live/topics.ts';
import { notify, reportRefusal } from '../parts/notices.ts';
import type { IconName } from '../parts/Icon.tsx';
import { series } from './series.ts';

/** What the operator does to the robot. */
export type ActionName = Extract<RequestName, 'start' | 'success' | 'failure' | 'discard' | 'sceneReady' | 'home'>; // prettier-ignore

export interface Action {
  label: string;
  icon: IconName;
  tone: 'primary' | 'good' | 'bad' | 'plain';
  /** By `KeyboardEvent.key`, lower case. */
  key: string;
  /** In which phases it is possible. */
  during: readonly Phase[];
}

/** In the order of their buttons. */
export const ACTIONS: Readonly<Record<ActionName, Action>> = {
  start: { label: 'Start', icon: 'play', tone: 'primary', key: 'enter', during: ['ready'] },
  sceneReady: { label: 'Scene ready', icon: 'scene', tone: 'primary', key: 'enter', during: ['reset'] }, // prettier-ignore
  success: { label: 'Success', icon: 'check', tone: 'good', key: 's', during: ['running', 'judgement'] }, // prettier-ignore
  failure: { label: 'Failure', icon: 'cross', tone: 'bad', key: 'f', during: ['running', 'judgement'] }, // prettier-ignore
  discard: { label: 'Discard', icon: 'bin', tone: 'plain', key: 'd', during: ['checking', 'homing', 'running', 'judgement'] }, // prettier-ignore
  home: { label: 'Home', icon: 'home', tone: 'plain', key: 'h', during: ['ready', 'reset'] },
};
export const ACTION_NAMES = Object.keys(ACTIONS) as ActionName[];

/** What the console itself answers, whatever the robot is. */
const OWN: readonly RequestName[] = ['heartbeat', 'episodes', 'episode', 'episodePicture', 'download', 'label', 'exportEpisodes']; // prettier-ignore
/** What a page may ask that only watches. */
const WATCHING: readonly RequestName[] = ['episodes', 'episode', 'episodePicture', 'download'];

/** Whether the robot answers the request, or the learner where there is no robot. */
const isAnswered = (request: RequestName): boolean =>
  [topics.robot.value?.answers, topics.learning.value?.answers].some((answers) =>
    answers?.includes(request),
  );

/** Whether the page offers the request: somebody answers it, and the page may ask it at some time. */
export const isOffered = (request: RequestName): boolean =>
  (OWN.includes(request) || isAnswered(request)) &&
  (mayOperate.value || WATCHING.includes(request));

/** Why this page may not ask what only the operator may; undefined where it may. */
export function reasonAgainstOperating(): string | undefined {
  if (link.value.state !== 'live') return 'There is no connection';
  if (!mayOperate.value) return 'This page may only watch';
  if (hasSeat.value) return undefined;
  const name = operatorName.value;
  return name === undefined ? 'Take the seat first' : `${name} operates; take over first`;
}

/** Why the operator may not do now what is possible in these phases; undefined where they may. */
export function reasonAgainstNow(during: readonly Phase[]): string | undefined {
  const phase = topics.phase.value?.phase ?? 'absent';
  const against = reasonAgainstOperating();
  if (against !== undefined) return against;
  if (during.includes(phase)) return undefined;
  return `Not while the robot is “${PHASES[phase]}”; possible in “${during.map((other) => PHASES[other]).join('”, “')}”`; // prettier-ignore
}

/** Why the action is not possible now; undefined where it is. */
export const reasonAgainst = (name: ActionName) => reasonAgainstNow(ACTIONS[name].during);

/** Asks for the action, or says why not. */
export function act(name: ActionName): void {
  const reason = reasonAgainst(name);
  if (reason !== undefined) return notify(reason, 'warn');
  void reportRefusal(name === 'start' ? ask('start', { attempts: series.value }) : ask(name, null));
}
