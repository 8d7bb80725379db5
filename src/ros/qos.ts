import type { EntityOptions, Ros } from './rclnodejs.ts';

const KEEP_LAST = 1;
const RELIABLE = 1;
const BEST_EFFORT = 2;
const VOLATILE = 2;
const TRANSIENT_LOCAL = 1;
const SYSTEM_LIVELINESS = 0;

/** What a topic is for, by the conventions of REP 2003. */
const PROFILES = {
  /** A sensor's stream; receives from reliable and best-effort publishers. */
  sensor: { depth: 5, reliability: BEST_EFFORT, durability: VOLATILE },
  command: { depth: 10, reliability: RELIABLE, durability: VOLATILE },
  /** Told to whoever joins later. */
  latched: { depth: 1, reliability: RELIABLE, durability: TRANSIENT_LOCAL },
} as const;

/** Options of a publisher or subscription whose QoS can be overridden by `qos_overrides` parameters. */
export function quality(
  ros: Ros,
  profile: keyof typeof PROFILES,
  options: Pick<EntityOptions, 'isRaw'> = {},
): EntityOptions {
  const { depth, reliability, durability } = PROFILES[profile];
  return {
    ...options,
    qos: new ros.QoS(KEEP_LAST, depth, reliability, durability, SYSTEM_LIVELINESS, false),
    qosOverridingOptions: ros.QoSOverridingOptions.withDefaultPolicies(),
  };
}
