/** WebVTT cue text (W3C WebVTT 4.2.2, 6.4): tags and character references as a tree. */

export type CueNode = string | { readonly tag: string; readonly classes: readonly string[]; readonly annotation: string; readonly children: CueNode[] };

const TAGS = new Set(['c', 'i', 'b', 'u', 'ruby', 'rt', 'v', 'lang']);
const REFERENCES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', nbsp: '\u00a0', lrm: '\u200e', rlm: '\u200f', quot: '"', apos: "'" };
const TOKEN = /<([^>]*)(?:>|$)|[^<]+/g;
/** Deeper nesting shows nothing more. */
const MAX_DEPTH = 16;

export function parseCueText(payload: string): readonly CueNode[] {
  const root: CueNode[] = [];
  const open: { tag: string; children: CueNode[] }[] = [{ tag: '', children: root }];
  for (const [token, inner] of payload.matchAll(TOKEN)) {
    const top = open[open.length - 1];
    if (inner === undefined) top.children.push(unescapeCue(token));
    else if (inner.startsWith('/')) {
      // The end of ruby closes an annotation that is open in it, too (6.4).
      const closed = top.tag === inner.slice(1) ? 1 : top.tag === 'rt' && inner === '/ruby' ? 2 : 0;
      if (closed < open.length) open.length -= closed;
    } else {
      const match = /^([a-z]+)((?:\.[^\s.]+)*)(?:\s+([^]*))?$/.exec(inner);
      if (match === null || !TAGS.has(match[1]) || open.length > MAX_DEPTH) continue;
      const node = { tag: match[1], classes: match[2].split('.').filter((name) => name !== ''), annotation: unescapeCue(match[3] ?? '').trim(), children: [] };
      top.children.push(node);
      open.push(node);
    }
  }
  return root;
}

function unescapeCue(text: string): string {
  return text.replace(/&(?:([a-z]+)|#(\d{1,7})|#x([\da-fA-F]{1,6}));/g, (whole, name?: string, decimal?: string, hexadecimal?: string) => {
    if (name !== undefined) return Object.hasOwn(REFERENCES, name) ? REFERENCES[name] : whole;
    const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : '�';
  });
}

/** Text that stands for itself in a cue; empty lines would end it. */
export function escapeCue(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

const RTL = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const STRONG = /\p{L}/u;

/** Direction of a text by its first strong character (Unicode Bidirectional Algorithm, P2 and P3), as WebVTT has it. */
export function isRightToLeft(text: string): boolean {
  for (const character of text) {
    if (character === '\u200f' || RTL.test(character)) return true;
    if (character === '\u200e' || STRONG.test(character)) return false;
  }
  return false;
}

export function plainText(nodes: readonly CueNode[]): string {
  return nodes.map((node) => (typeof node === 'string' ? node : plainText(node.children))).join('');
}
