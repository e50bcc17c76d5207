/** Damage to server and client manifests: text that is almost XML, XML that is almost a manifest, and XML that is a bomb. */
import type { Random } from './random.ts';

const VALUES = [
  '', ' ', '0', '-1', '1e308', '99999999999999999999', '4294967296', '18446744073709551616', '../../etc/passwd', '/etc/passwd', '..\\x', 'file:///etc/passwd', 'http://127.0.0.1/x', 'C:\\x', '%2e%2e%2fx', '%00', '%ff',
  'v.mp4', 'x.ism', '.', 'ev', '(a,b=c)', 'name=x', 'ä'.repeat(300), '&#x1;', '&#xD800;', '&#1114112;', '&quot;&gt;&lt;', '$Number$', '{bitrate}', 'constructor', '__proto__', 'live', 'mp4-v3', 'vod-fmp4', 'vod-cmaf',
] as const;
const TOKENS = ['<', '>', '&', '"', '</', '/>', '<!--', '-->', '<![CDATA[', ']]>', '<?x', '?>', '\0', '\uFFFE', '&nbsp;', '&#0;', '<!DOCTYPE a>', '<smil>', '</switch>', '<seq/>', 'xmlns:a=""', '\u2028'] as const;
const NAMES = ['toString', 'constructor', '__proto__', 'hasOwnProperty', 'video', 'audio', 'textstream', 'switch', 'a:video', 'x'.repeat(2000)] as const;

const BILLION_LAUGHS = `<!DOCTYPE a [<!ENTITY a0 "ha">${Array.from({ length: 30 }, (_, i) => `<!ENTITY a${i + 1} "&a${i};&a${i};">`).join('')}]>`;
const EXTERNAL = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>';

type Damage = (text: string, random: Random) => string;

const insert = (text: string, at: number, what: string): string => text.slice(0, at) + what + text.slice(at);
const afterDeclaration = (text: string): number => text.indexOf('?>') + (text.includes('?>') ? 2 : 1);

const withEntity = (text: string, declaration: string, entity: string): string => insert(text, afterDeclaration(text), declaration).replace('src="', `src="${entity}`);

const DAMAGES: readonly Damage[] = [
  (text, random) => text.slice(0, random.below(text.length)),
  (text, random) => insert(text, random.below(text.length + 1), random.pick(TOKENS)),
  (text, random) => {
    const at = random.below(text.length);
    return text.slice(0, at) + text.slice(at + random.below(40));
  },
  (text, random) => replaceNth(text, /="[^"]*"/g, random, () => `="${random.pick(VALUES)}"`),
  (text, random) => replaceNth(text, /="[^"]*"/g, random, () => `="${random.pick(VALUES)}"`),
  (text, random) => replaceNth(text, /(?<=<\/?)[\w:]+/g, random, () => random.pick(NAMES)),
  (text, random) => replaceNth(text, /\b[\w:]+(?==")/g, random, () => random.pick([...NAMES, 'src', 'SRC', 'value', 'name'])),
  (text, random) => replaceNth(text, /<(?:video|audio|param|meta|StreamIndex|QualityLevel|c)\b[^>]*>/g, random, (element) => element.repeat(random.pick([2, 3, 200]))),
  (text) => withEntity(text, BILLION_LAUGHS, '&a30;'),
  (text) => withEntity(text, EXTERNAL, '&x;'),
  (text, random) => replaceNth(text, /="[^"]*"/g, random, () => `="${'A'.repeat(random.pick([1000, 100_000, 1_000_000]))}"`),
  (text, random) => replaceNth(text, /<\w+/g, random, (element) => `${element}${Array.from({ length: random.pick([10, 5000]) }, (_, i) => ` a${i}=""`).join('')}`),
  (text, random) => {
    const depth = random.pick([40, 70, 10_000]);
    return replaceNth(text, /<(?:switch|body|head)>/g, random, (element) => element + '<a>'.repeat(depth) + '</a>'.repeat(depth));
  },
  (text, random) => insert(text, random.below(text.length + 1), random.pick(['<a/>', '<!-- x -->', ' ', '\n']).repeat(random.pick([1, 100, 30_000]))),
];

function replaceNth(text: string, pattern: RegExp, random: Random, make: (found: string) => string): string {
  const matches = [...text.matchAll(pattern)];
  if (matches.length === 0) return text;
  const match = random.pick(matches);
  return text.slice(0, match.index) + make(match[0]) + text.slice(match.index + match[0].length);
}

export function damageXml(bytes: Uint8Array, random: Random): Uint8Array {
  let text = new TextDecoder().decode(bytes);
  for (let n = 1 + random.below(2); n > 0; n--) text = random.pick(DAMAGES)(text, random);
  const form = random.below(20);
  if (form === 0) return Buffer.from(`\uFEFF${text}`, 'utf16le');
  if (form === 1) return Buffer.from(text, 'utf16le');
  if (form === 2) return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text, 'latin1')]);
  if (form === 3) return Buffer.from(text, 'latin1').fill(0xc3, random.below(text.length + 1));
  return Buffer.from(text);
}
