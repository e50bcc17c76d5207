/** What was worked out for a text a short time ago: the same requests come again and again. */

/** Longer texts are worked out each time. */
const LONGEST = 4096;

/** At least `count` results are kept, and at most twice as many. `make` is pure; what it throws is not kept. */
export function createRecent<T>(count: number, make: (text: string) => T): (text: string) => T {
  let young = new Map<string, T>();
  let old = new Map<string, T>();
  return (text) => {
    if (text.length > LONGEST) return make(text);
    let found = young.get(text);
    if (found !== undefined) return found;
    found = old.get(text) ?? make(text);
    if (young.size >= count) [young, old] = [new Map<string, T>(), young];
    young.set(text, found);
    return found;
  };
}
