/** Structured log: one JSON object a line, written in batches so that no request waits for it. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;
type LogLine = (message: string, fields?: LogFields) => void;

export type Log = { readonly debug: LogLine; readonly info: LogLine; readonly warn: LogLine; readonly error: LogLine };

export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];

const BATCH_MS = 50;
const BATCH_CHARS = 64 * 1024;

export const NO_LOG: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function ignore(): void {
  // Nothing listens.
}

export type LogOptions = {
  readonly level: LogLevel;
  readonly write: (text: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
};

/** `flush` writes what waits: call it before the process ends. */
export function createLog({ level, write, now }: LogOptions): Log & { flush(): void } {
  let waiting: string[] = [];
  let chars = 0;
  let timer: NodeJS.Timeout | undefined;

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (chars === 0) return;
    const text = waiting.join('');
    waiting = [];
    chars = 0;
    write(text);
  };
  const line = (severity: LogLevel): LogLine => {
    if (LOG_LEVELS.indexOf(severity) < LOG_LEVELS.indexOf(level)) return ignore;
    return (message, fields) => {
      const text = `${JSON.stringify({ time: new Date(now()).toISOString(), level: severity, message, ...fields })}\n`;
      waiting.push(text);
      chars += text.length;
      if (chars >= BATCH_CHARS) flush();
      else timer ??= setTimeout(flush, BATCH_MS).unref();
    };
  };
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error'), flush };
}
