import { expect, test, vi } from 'vitest';
import { createLog, LOG_LEVELS } from './log.ts';

const now = (): number => Date.UTC(2026, 0, 2);

test('one JSON object a line, in one write per batch', () => {
  const write = vi.fn<(text: string) => void>();
  const log = createLog({ level: 'info', write, now });
  log.info('served', { status: 200, path: '/a\nb' });
  log.warn('odd');
  log.debug('not said');
  expect(write).not.toHaveBeenCalled();
  log.flush();
  log.flush();
  expect(write.mock.calls).toEqual([['{"time":"2026-01-02T00:00:00.000Z","level":"info","message":"served","status":200,"path":"/a\\nb"}\n{"time":"2026-01-02T00:00:00.000Z","level":"warn","message":"odd"}\n']]);
});

test('a batch is written soon without asking, and at once when it is large', async () => {
  const write = vi.fn<(text: string) => void>();
  const log = createLog({ level: 'debug', write, now });
  log.debug('x');
  await vi.waitFor(() => expect(write).toHaveBeenCalledTimes(1));
  log.error('y'.repeat(100_000));
  expect(write).toHaveBeenCalledTimes(2);
});

test.each(LOG_LEVELS)('level %s says what is as grave, and no less', (level) => {
  const write = vi.fn<(text: string) => void>();
  const log = createLog({ level, write, now });
  for (const severity of ['debug', 'info', 'warn', 'error'] as const) log[severity](severity);
  log.flush();
  const said = write.mock.calls.flatMap(([text]) => text.trim().split('\n')).map((line) => (JSON.parse(line) as { level: string }).level);
  expect(said).toEqual(LOG_LEVELS.slice(LOG_LEVELS.indexOf(level), -1));
});
