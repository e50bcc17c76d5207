type Entry = { readonly value: unknown; readonly bytes: number };

export type Memory = {
  /** What is kept for `key`, else what `make` gives, which is kept when it is not too large. Those that miss together each make. */
  get<T>(owner: object, key: string, make: () => Promise<T>, bytesOf: (value: T) => number): Promise<T>;
  /** Of all that is kept. */
  readonly bytes: number;
};

/** Values by an object and a text, with a bound on all of them together and on each. The object itself is not held. */
export function createMemory(maxBytes: number, maxEntryBytes = maxBytes): Memory {
  const names = new WeakMap<object, number>();
  // Insertion order is the order of last use.
  const entries = new Map<string, Entry>();
  let count = 0;
  let held = 0;
  return {
    async get<T>(owner: object, key: string, make: () => Promise<T>, bytesOf: (value: T) => number) {
      const name = names.get(owner) ?? ++count;
      names.set(owner, name);
      const whole = `${name} ${key}`;
      const found = entries.get(whole);
      if (found !== undefined) {
        entries.delete(whole);
        entries.set(whole, found);
        return found.value as T;
      }
      const value = await make();
      const bytes = bytesOf(value);
      if (bytes > maxEntryBytes || entries.has(whole)) return value;
      entries.set(whole, { value, bytes });
      held += bytes;
      for (const [oldest, entry] of entries) {
        if (held <= maxBytes) break;
        entries.delete(oldest);
        held -= entry.bytes;
      }
      return value;
    },
    get bytes() {
      return held;
    },
  };
}
