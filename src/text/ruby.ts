/**
 * Ruby: small words beside others. TTML2 (tts:ruby; IMSC1.1 permits it) nests spans by their role, WebVTT (4.2.2) writes annotations
 * behind what they belong to. Words are never lost: what has no partner stands alone.
 */

export const RUBY_ROLES = ['base', 'text', 'delimiter', 'baseContainer', 'textContainer'] as const;

/** What one child of a ruby element says, as cue text. */
export type RubyPart = { readonly role: (typeof RUBY_ROLES)[number] | 'none'; readonly text: string };

/** Between the members of a group; no XML document can hold it. */
const APART = '\u0002';

/** Bases or annotations that belong together, until `rubyText` pairs them. */
export function groupText(parts: readonly RubyPart[]): string {
  return parts.filter(({ role }) => role === 'base' || role === 'text').map(({ text }) => text).join(APART);
}

/**
 * A container as a WebVTT ruby element. Delimiters are for readers that cannot place annotations. WebVTT has one annotation per base:
 * those on the other side follow in it.
 */
export function rubyText(parts: readonly RubyPart[]): string {
  const bases: string[] = [];
  const single: string[] = [];
  const sides: string[][] = [];
  for (const { role, text } of parts) {
    if (role === 'baseContainer') bases.push(...text.split(APART));
    else if (role === 'textContainer') sides.push(text.split(APART));
    else if (role === 'text') single.push(text);
    else if (role !== 'delimiter' && text.trim() !== '') bases.push(text);
  }
  const annotations = [...(single.length === 0 ? [] : [single]), ...sides];
  const count = Math.max(bases.length, ...annotations.map(({ length }) => length));
  const pairs = Array.from({ length: count }, (_, i) => `${bases[i] ?? ''}<rt>${annotations.flatMap((side) => side[i] ?? []).join(' ')}</rt>`);
  return pairs.length === 0 ? '' : `<ruby>${pairs.join('')}</ruby>`;
}
