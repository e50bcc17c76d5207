/** Figures for Prometheus: what was asked, what it took, what is held. With several workers each scrape shows their sum. */
import { AggregatorRegistry, collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** One finished request. */
export type Served = {
  readonly method: string;
  readonly status: number;
  /** Milliseconds until the last byte was handed to the system or the client was gone. */
  readonly ms: number;
  /** Body bytes that were to be sent. */
  readonly bytes: number;
  readonly aborted: boolean;
};

/** Hears of requests as they begin and end. */
export type Meter = { begin(): void; end(served: Served): void };

/** Read when figures are asked for. */
export type Holdings = {
  readonly buffers: () => { readonly heldBytes: number };
  readonly assets: () => { readonly assets: number; readonly bytes: number; readonly leases: number; readonly opened: number; readonly failures: number };
};

export type Metrics = Meter & {
  /** Prometheus text format 0.0.4. */
  text(): Promise<string>;
};

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export function createMetrics({ buffers, assets }: Holdings): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({ name: 'isomer_requests_total', help: 'Requests by method and status', labelNames: ['method', 'status'], registers });
  const aborted = new Counter({ name: 'isomer_requests_aborted_total', help: 'Responses that their client did not take to the end', registers });
  const bytes = new Counter({ name: 'isomer_response_bytes_total', help: 'Body bytes of responses', registers });
  const seconds = new Histogram({ name: 'isomer_request_seconds', help: 'From the request to the last byte', buckets: SECONDS, registers });
  const active = new Gauge({ name: 'isomer_requests_active', help: 'Requests under way', registers });
  const gauge = (name: string, help: string, read: () => number): void => {
    const made: Gauge = new Gauge({ name, help, registers, collect: () => made.set(read()) });
  };
  gauge('isomer_buffer_bytes', 'Pooled buffers that responses hold', () => buffers().heldBytes);
  gauge('isomer_assets_open', 'Assets that are kept open', () => assets().assets);
  gauge('isomer_index_bytes', 'Memory of their indexes', () => assets().bytes);
  gauge('isomer_leases', 'Responses that read from an asset', () => assets().leases);
  gauge('isomer_assets_opened_total', 'Assets that were opened since the start', () => assets().opened);
  gauge('isomer_assets_failed_total', 'Assets that could not be opened', () => assets().failures);
  // Workers answer the first process with this registry.
  AggregatorRegistry.setRegistries([registry]);
  return {
    begin: () => active.inc(),
    end({ method, status, ms, bytes: length, aborted: gone }) {
      active.dec();
      requests.inc({ method: METHODS.has(method) ? method : 'other', status });
      bytes.inc(length);
      seconds.observe(ms / 1000);
      if (gone) aborted.inc();
    },
    text: () => registry.metrics(),
  };
}

/** What clients send must not become labels without limit. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'DELETE', 'PATCH']);

/** In the first process: the sum over all workers. In a worker, constructing it makes the worker answer. */
export function workerMetrics(): { text(): Promise<string> } {
  const registry = new AggregatorRegistry();
  return { text: () => registry.clusterMetrics() };
}
