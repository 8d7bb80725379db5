import { type Signal, signal } from '@preact/signals';
import type { TopicName, Topics } from '../../protocol.ts';

type Newest = { readonly [Topic in TopicName]: Signal<Topics[Topic] | undefined> };

/** The newest value of each topic; undefined before the first. */
export const topics: Newest = {
  robot: signal(),
  policy: signal(),
  phase: signal(),
  motion: signal(),
  chunk: signal(),
  guard: signal(),
  figures: signal(),
  sensors: signal(),
  fit: signal(),
  attempts: signal(),
  learning: signal(),
  fleet: signal(),
  comparisons: signal(),
  calibration: signal(),
  reading: signal(),
  crew: signal(),
  log: signal(),
};

/** Takes over a topic's new value. Topics that the page does not know are left alone. */
export function publish(topic: string, value: unknown): void {
  if (!Object.hasOwn(topics, topic)) return;
  (topics as Record<string, Signal<unknown>>)[topic].value = value;
}
