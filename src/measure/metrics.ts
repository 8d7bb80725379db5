import { createServer } from 'node:http';
import { messageOf } from '../errors.ts';
import { FIGURES, type Figure, type MeterListener } from './meters.ts';
import { listen } from '../tcpPort.ts';

/** A Prometheus endpoint of the meters. */
export interface Metrics {
  /** URL of the endpoint. */
  readonly url: string;
  readonly listener: MeterListener;
  close(): Promise<void>;
}

const NAMES: Record<Figure, string> = {
  lateness: 'nalu_tick_lateness_seconds',
  preprocess: 'nalu_chunk_preprocess_seconds',
  run: 'nalu_chunk_run_seconds',
  total: 'nalu_chunk_total_seconds',
  reaction: 'nalu_observation_to_command_seconds',
};

/** Default host: metrics are visible on this machine only. */
export const LOOPBACK = '127.0.0.1';

/** Histogram buckets, seconds: from the latency of an idle machine to ages that stop a robot. */
const BUCKETS = [
  ...[0.0001, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.035],
  ...[0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5],
];

/**
 * Serves metrics in Prometheus' text format at /metrics until closed, including Node's default process metrics. Port 0
 * picks a free port. Throws a `UserError` if it cannot listen.
 */
export async function serveMetrics(port: number, host: string): Promise<Metrics> {
  const { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } =
    await import('prom-client');
  const registers = [new Registry()];
  const [registry] = registers;
  collectDefaultMetrics({ register: registry });
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const histograms = Object.fromEntries(
    Object.entries(NAMES).map(([figure, name]) => {
      const help = FIGURES[figure as Figure];
      return [figure, new Histogram({ name, help, buckets: BUCKETS, registers })];
    }),
  );
  const missed = counter('nalu_missed_ticks_total', 'control steps missed, by cause', ['cause']);
  const chunks = counter('nalu_chunks_total', 'chunks put in play', []);
  const guarded = counter('nalu_guard_events_total', 'what the guard did', ['rule', 'action']);
  const attempts = counter('nalu_attempts_total', 'attempts by outcome', ['outcome']);
  const policy = new Gauge({
    name: 'nalu_policy_info',
    help: 'version of the policy that made the chunk in play',
    labelNames: ['version'],
    registers,
  });

  const server = createServer((request, response) => {
    if (request.url !== '/metrics') return void response.writeHead(404).end('see /metrics\n');
    registry.metrics().then(
      (text) => response.setHeader('content-type', registry.contentType).end(text),
      (error: unknown) => response.writeHead(500).end(messageOf(error)),
    );
  });
  const address = await listen(server, { host, port, what: 'metrics' });
  server.unref();
  let version: string | undefined;
  return {
    url: `http://${address}/metrics`,
    listener: {
      observed: (figure, value) => histograms[figure].observe(Math.max(value, 0) / 1000),
      missed: (cause, ticks) => missed.inc({ cause }, ticks),
      chunk(policyVersion) {
        chunks.inc();
        if (policyVersion === version) return;
        version = policyVersion;
        policy.reset();
        policy.set({ version }, 1);
      },
      guarded: ({ rule, action }) => guarded.inc({ rule, action }),
      attempt: (outcome) => attempts.inc({ outcome }),
    },
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
