type Entry = { readonly owner: WeakRef<object>; readonly key: string; readonly bytes: number };

export type Memory = {
  /** What was kept, or undefined. */
  find<T>(owner: object, key: string): T | undefined;
  /** Keeps a value that is not too large and takes about `bytes`; what lies there already stays. */
  keep(owner: object, key: string, value: unknown, bytes: number): void;
  /** What is kept for `key`, else what `make` gives, which is kept. Those that miss together each make. */
  get<T>(owner: object, key: string, make: () => Promise<T>, bytesOf: (value: T) => number): Promise<T>;
  /** A number of the object's own, for keys. */
  nameOf(object: object): number;
  /** Of all that is kept. */
  readonly bytes: number;
};

/** Values by an object and a text, with a bound on all of them together and on each. The object is not held, even where a value refers to it. */
export function createMemory(maxBytes: number, maxEntryBytes = maxBytes): Memory {
  const values = new WeakMap<object, Map<string, unknown>>();
  const names = new WeakMap<object, number>();
  // Insertion order is the order of last use.
  const entries = new Map<string, Entry>();
  let count = 0;
  let held = 0;
  const nameOf = (object: object): number => {
    let name = names.get(object);
    if (name === undefined) {
      name = ++count;
      names.set(object, name);
    }
    return name;
  };
  const memory: Memory = {
    nameOf,
    find<T>(owner: object, key: string) {
      const value = values.get(owner)?.get(key);
      if (value === undefined) return undefined;
      const whole = `${nameOf(owner)} ${key}`;
      const entry = entries.get(whole) as Entry;
      entries.delete(whole);
      entries.set(whole, entry);
      return value as T;
    },
    keep(owner, key, value, bytes) {
      const whole = `${nameOf(owner)} ${key}`;
      if (bytes > maxEntryBytes || entries.has(whole)) return;
      const own = values.get(owner) ?? new Map<string, unknown>();
      values.set(owner, own.set(key, value));
      entries.set(whole, { owner: new WeakRef(owner), key, bytes });
      held += bytes;
      for (const [oldest, entry] of entries) {
        if (held <= maxBytes) break;
        entries.delete(oldest);
        const last = entry.owner.deref();
        if (last !== undefined) values.get(last)?.delete(entry.key);
        held -= entry.bytes;
      }
    },
    async get<T>(owner: object, key: string, make: () => Promise<T>, bytesOf: (value: T) => number) {
      const found = memory.find<T>(owner, key);
      if (found !== undefined) return found;
      const value = await make();
      memory.keep(owner, key, value, bytesOf(value));
      return value;
    },
    get bytes() {
      return held;
    },
  };
  return memory;
}
