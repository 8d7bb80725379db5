import type { KV } from '@nats-io/kv';

/** Milliseconds between two signs of life. */
const BEAT = 4000;
/** Milliseconds without one after which somebody is gone; the bucket forgets them as soon. */
export const LIFE = 15_000;

/** Says in a bucket that somebody is there. */
export interface Heartbeat {
  /** Says it at once, as when something has changed. */
  now: () => void;
  /** Ends it; others see that after a while. */
  stop(): void;
  /** Ends it, and says so. */
  close(): Promise<void>;
}

/** Puts `value()` under a key of a bucket again and again, also through an absence of the server. */
export async function startHeartbeat(
  bucket: KV,
  key: string,
  value: () => object,
): Promise<Heartbeat> {
  const put = () => bucket.put(key, JSON.stringify(value()));
  // A sign that does not get through is followed by the next one.
  const now = () => void put().catch(() => undefined);
  await put();
  const timer = setInterval(now, BEAT);
  return {
    now,
    stop: () => clearInterval(timer),
    async close() {
      clearInterval(timer);
      await bucket.delete(key).catch(() => undefined);
    },
  };
}

/** Who is there, by the keys of a bucket. */
export interface Presence<T> {
  all(): ReadonlyMap<string, T>;
  close(): void;
}

/**
 * Watches a bucket of heartbeats. `parse` reads a sign of life; undefined for one that is to be left out. By this
 * machine's own clock, since others may be wrong.
 */
export async function watchPresence<T>(
  bucket: KV,
  parse: (value: unknown, key: string) => T | undefined,
  onChange: (present: ReadonlyMap<string, T>) => void = () => undefined,
): Promise<Presence<T>> {
  const present = new Map<string, T>();
  const seen = new Map<string, number>();
  const drop = (key: string) => {
    seen.delete(key);
    if (present.delete(key)) onChange(present);
  };
  const read = (entry: { json: () => unknown }): unknown => {
    try {
      return entry.json();
    } catch {
      return undefined;
    }
  };
  const watch = await bucket.watch();
  const follow = async () => {
    for await (const entry of watch) {
      const { key, operation } = entry;
      const value = operation === 'PUT' ? parse(read(entry), key) : undefined;
      if (value === undefined) {
        drop(key);
        continue;
      }
      seen.set(key, performance.now());
      present.set(key, value);
      onChange(present);
    }
  };
  void follow();
  const sweep = setInterval(() => {
    for (const [key, at] of seen) if (performance.now() - at > LIFE) drop(key);
  }, 1000);
  return {
    all: () => present,
    close() {
      clearInterval(sweep);
      watch.stop();
    },
  };
}
