type Node<K, T> = { readonly inner: WeakMap<object, Node<K, T>>; readonly values: Map<K, T> };

/** Values that are made once for some objects and a key, and are kept as long as all of the objects live. */
export type Kept<K, T> = (owners: readonly object[], key: K, make: () => T) => T;

export function createKept<K, T>(): Kept<K, T> {
  const root = createNode<K, T>();
  return (owners, key, make) => {
    let node = root;
    for (const owner of owners) {
      let next = node.inner.get(owner);
      if (next === undefined) node.inner.set(owner, (next = createNode()));
      node = next;
    }
    const found = node.values.get(key);
    if (found !== undefined || node.values.has(key)) return found as T;
    const value = make();
    node.values.set(key, value);
    return value;
  };
}

function createNode<K, T>(): Node<K, T> {
  return { inner: new WeakMap(), values: new Map() };
}
