/** What commands get from the outside world, so that tests can stand in for it. */
export type CliDeps = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Resolves with the signal's name when the process shall stop. */
  readonly stopped: () => Promise<string>;
  /** A terminal, where a line may be written over. */
  readonly interactive: boolean;
};

/** The exit code: 0 done, 1 failed, 2 used wrongly. */
export type Command<A> = (args: A, deps: CliDeps) => Promise<number>;
