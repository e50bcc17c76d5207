import { expect, test } from 'vitest';
import { handle } from './handler.ts';
import { createMetrics } from './metrics.ts';
import { makeWorld } from './testing.ts';

const holdings = { buffers: () => ({ heldBytes: 7 }), assets: () => ({ assets: 1, bytes: 2, leases: 3, opened: 4, failures: 5 }) };

test('requests, bytes, times and holdings are told in the text format', async () => {
  const metrics = createMetrics(holdings);
  for (const status of [200, 200, 404]) {
    metrics.begin();
    metrics.end({ method: 'GET', status, ms: 3, bytes: 1000, aborted: status === 404 });
  }
  metrics.begin();
  metrics.end({ method: 'X'.repeat(50), status: 405, ms: 3, bytes: 0, aborted: false });
  metrics.begin();
  const text = await metrics.text();
  for (const line of [
    'isomer_requests_total{method="GET",status="200"} 2',
    'isomer_requests_total{method="GET",status="404"} 1',
    'isomer_requests_total{method="other",status="405"} 1',
    'isomer_requests_aborted_total 1',
    'isomer_response_bytes_total 3000',
    'isomer_requests_active 1',
    'isomer_request_seconds_bucket{le="0.005"} 4',
    'isomer_buffer_bytes 7',
    'isomer_assets_open 1',
    'isomer_index_bytes 2',
    'isomer_leases 3',
    'isomer_assets_opened_total 4',
    'isomer_assets_failed_total 5',
  ])
    expect(text.split('\n')).toContain(line);
  expect(text).toMatch(/process_cpu_seconds_total/);
});

test('/metrics is there only when it is shown', async () => {
  const shown = await handle({ method: 'GET', path: '/metrics', headers: {}, id: 'id' }, makeWorld({ deps: { metrics: () => Promise.resolve('up 1\n') } }).deps);
  expect([shown.status, shown.body, shown.headers['Cache-Control']]).toEqual([200, 'up 1\n', 'no-store']);
  const hidden = await handle({ method: 'GET', path: '/metrics', headers: {}, id: 'id' }, makeWorld().deps);
  expect(hidden.status).toBe(404);
});
