/** JSON inside a script element: only `<` can end the element or open a comment. */
export function embed(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}
