/** The suite's own errors, by what they do to the exit code. A subject that misbehaves is a finding, never one of these. */
export type FaultKind = 'usage' | 'target' | 'harness';

export const EXIT_CODES: Readonly<Record<FaultKind | 'ok' | 'failed' | 'stale', number>> = {
  ok: 0,
  failed: 1,
  usage: 2,
  target: 3,
  harness: 4,
  stale: 5,
};

export class SuiteFault extends Error {
  readonly kind: FaultKind;

  constructor(kind: FaultKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SuiteFault';
    this.kind = kind;
  }
}

/** What has to be judged is enciphered, and the key is not known: no verdict, and no fault of anybody. */
export class Locked extends Error {
  constructor() {
    super('the key is not known');
    this.name = 'Locked';
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
