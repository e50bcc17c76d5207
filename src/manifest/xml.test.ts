import { SaxesParser } from 'saxes';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { el, textElement, writeDocument, writeElement } from './xml.ts';

describe('elements', () => {
  test('attributes keep their order, undefined ones are left out, children are indented', () => {
    const root = el('MPD', { b: 1, a: undefined, c: 2n, d: false }, el('Period', {}, [el('S', { d: 3 }), null]), null, textElement('Label', 'a < b'));
    expect(writeDocument(root)).toBe(
      `<?xml version="1.0" encoding="UTF-8"?>
<MPD b="1" c="2" d="false">
   <Period>
      <S d="3" />
   </Period>
   <Label>a &lt; b</Label>
</MPD>
`,
    );
  });

  test('an element without content is closed in its tag', () => expect(writeElement(el('S'))).toBe('<S />\n'));

  test('what would end or change a value is escaped', () => {
    expect(writeElement(el('a', { v: `&<>"'\t\n\r` }))).toBe(`<a v="&amp;&lt;&gt;&quot;'&#x9;&#xA;&#xD;" />\n`);
    expect(writeElement(textElement('a', ']]>&\r'))).toBe('<a>]]&gt;&amp;&#xD;</a>\n');
  });

  test.each(['\u0000', '\u0008', '\u000B', '\u001F', '\uFFFE', '\uFFFF', '\uD800', '\uDC00x'])('%j is refused with its place', (char) => {
    const code = char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    expect(() => el('StreamIndex', { Name: `a${char}` })).toThrow(new RegExp(`StreamIndex@Name.*U\\+${code}`));
    expect(() => textElement('Label', char)).toThrow(/MPE_OUTPUT_FORMAT_NOT_SUPPORTED|cannot be delivered/);
  });

  test('every value that is not refused survives an XML reader', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('<', '&', '"', '\t', '\r', '\n', ']', '>', 'é', '😀', ' ') }), (any, nasty) => {
        for (const value of [any, nasty]) {
          let text: string;
          try {
            text = writeDocument(el('r', { v: value }, textElement('t', value)));
          } catch {
            continue;
          }
          expect(read(text)).toEqual({ attribute: value, text: value });
        }
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});

function read(document: string): { attribute: string | undefined; text: string } {
  const parser = new SaxesParser();
  let attribute: string | undefined;
  let text = '';
  let inside = false;
  parser.on('opentag', ({ name, attributes }) => {
    if (name === 'r') attribute = attributes['v'];
    inside = name === 't';
  });
  parser.on('closetag', () => (inside = false));
  parser.on('text', (part) => (text += inside ? part : ''));
  parser.on('error', (error) => {
    throw error;
  });
  parser.write(document).close();
  return { attribute, text };
}
