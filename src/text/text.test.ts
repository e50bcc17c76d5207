import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IsomerError } from '../errors.ts';
import { isRightToLeft, parseCueText } from './cuetext.ts';
import { cutCues, writeSegments } from './cut.ts';
import { clockText, MAX_CUES, type TextDocument } from './document.ts';
import { readStppSamples, readTextFile } from './read.ts';
import { readTtml } from './ttml.ts';
import { readWebVtt } from './webvtt.ts';
import { readWvttSamples } from './wvtt.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const vtt = (text: string): TextDocument => readTextFile('webvtt', utf8(text), 'a.vtt');
const ttml = (body: string, head = '', attributes = ''): TextDocument =>
  readTextFile('ttml', utf8(`<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" xmlns:tts="http://www.w3.org/ns/ttml#styling" ${attributes}><head>${head}</head>${body}</tt>`), 'a.ttml');
const all = ({ cues }: TextDocument): number[] => cues.map((_, i) => i);
const times = ({ cues }: TextDocument): number[][] => cues.map(({ start, end }) => [start, end]);
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof IsomerError) return error.code;
    throw error;
  }
  return 'none';
};

describe('WebVTT', () => {
  const file = 'WEBVTT title\nLanguage: en-us\n\nSTYLE\n::cue { color: lime }\n\nREGION\nid:r\nwidth:40%\n\nNOTE no cue\n\nfirst\n00:01.000 --> 00:03.500 line:10% align:start\n<i>Hello</i> &amp; bye\nagain\n\n00:00:02.000 --> 01:00:00.000\nlong\n\nbroken\n00:99.000 --> 1\nx\n';

  it('keeps blocks, identifiers, settings and cue text', () => {
    const document = vtt(`\ufeff${file.replaceAll('\n', '\r\n')}`);
    expect(document.language).toBe('en-us');
    expect(document.notes).toEqual(['1 blocks that are no cue were skipped']);
    expect(document.writeWebVtt(all(document))).toBe(
      'WEBVTT\n\nSTYLE\n::cue { color: lime }\n\nREGION\nid:r\nwidth:40%\n\nfirst\n00:00:01.000 --> 00:00:03.500 line:10% align:start\n<i>Hello</i> &amp; bye\nagain\n\n00:00:02.000 --> 01:00:00.000\nlong\n',
    );
  });

  it('becomes IMSC1: places are regions, tags are spans', () => {
    const document = vtt(`${file}\n00:05.000 --> 00:06.000\n\u05e9\u05dc\u05d5\u05dd <c.yellow>x</c>\n`);
    const text = document.writeTtml(all(document), 'en');
    expect(text).toContain('<region xml:id="r1" tts:origin="0% 10%" tts:extent="100% 90%" tts:displayAlign="before" tts:textAlign="start" tts:overflow="visible"/>');
    expect(text).toContain('<p region="r1" begin="00:00:01.000" end="00:00:03.500" xml:id="cue_first"><span tts:fontStyle="italic">Hello</span> &amp; bye<br/>again</p>');
    expect(text).toContain('tts:direction="rtl" tts:unicodeBidi="embed">\u05e9\u05dc\u05d5\u05dd <span tts:color="yellow">x</span></p>');
    expect(times(readTextFile('ttml', utf8(text), 'x'))).toEqual(times(document));
  });

  it.each([
    ['line:-3 position:20%,line-left size:50% align:left', '20% 0%', '50% 86.67%', 'after'],
    ['align:end position:80%', '0% 5%', '80% 90%', 'after'],
    ['line:50%,center', '0% 0%', '100% 100%', 'center'],
    ['line:90%,end size:30%', '35% 0%', '30% 90%', 'after'],
    ['vertical:rl line:20%', '20% 0%', '80% 100%', 'before'],
    ['align:start position:40%,line-right size:40%', '0% 5%', '40% 90%', 'after'],
    ['nonsense:: line:200% size:-1%', '0% 5%', '100% 90%', 'after'],
  ])('places %s', (settings, origin, extent, display) => {
    const document = vtt(`WEBVTT\n\n00:00.000 --> 00:01.000 ${settings}\nx\n`);
    expect(document.writeTtml([0], 'en')).toContain(`tts:origin="${origin}" tts:extent="${extent}" tts:displayAlign="${display}"`);
  });

  it('places words from right to left by their own side', () => {
    const document = vtt('WEBVTT\n\n00:00.000 --> 00:01.000 align:start position:80% size:50%\n\u05e9\n\n00:00.000 --> 00:01.000 align:start position:80% size:50%\na\n');
    expect([...document.writeTtml([0], 'en').matchAll(/tts:origin="([^"]*)" tts:extent="([^"]*)"/g)].map(([, origin, extent]) => `${origin} ${extent}`)).toEqual(['30% 5% 50% 90%', '80% 5% 20% 90%']);
  });

  it('refuses what is no WebVTT, and more than it wants to hold', () => {
    expect(codeOf(() => vtt('WEBVTTX\n'))).toBe('ISOMER_TEXT_MALFORMED');
    expect(codeOf(() => vtt('1\n00:00:01,000 --> 00:00:02,000\nsrt\n'))).toBe('ISOMER_TEXT_MALFORMED');
    expect(codeOf(() => readWebVtt(new Uint8Array([0x57, 0xff]), 'a'))).toBe('ISOMER_TEXT_MALFORMED');
    expect(codeOf(() => vtt(`WEBVTT\n\n${'00:00.000 --> 00:01.000\n\n'.repeat(MAX_CUES + 1)}`))).toBe('ISOMER_TEXT_LIMIT');
    expect(codeOf(() => readWebVtt(new Uint8Array(17 * 1024 * 1024), 'a'))).toBe('ISOMER_TEXT_LIMIT');
  });

  it('reads tags without end, of any depth, in time that grows with the text', () => {
    expect(parseCueText('<i.a.b>x<b>y</i></b>z&#x41;&bogus;')).toEqual([{ tag: 'i', classes: ['a', 'b'], annotation: '', children: ['x', { tag: 'b', classes: [], annotation: '', children: ['y'] }, 'zA&bogus;'] }]);
    const before = performance.now();
    parseCueText('<i>'.repeat(200_000));
    parseCueText('<'.repeat(200_000));
    parseCueText('&'.repeat(200_000));
    expect(performance.now() - before).toBeLessThan(2000);
    expect([isRightToLeft('12 \u05d0b'), isRightToLeft('a\u05d0')]).toEqual([true, false]);
  });
});

describe('TTML', () => {
  it('resolves clock times, offsets, frames and ticks through nested containers', () => {
    const document = ttml(
      '<body begin="1s"><div begin="500ms"><p begin="00:00:01.250" dur="2s">a</p><p begin="25f" end="75f">b</p><p begin="90000t" end="0.05h">c</p></div><div timeContainer="seq"><p dur="1s">d</p><p dur="1s">e</p></div></body>',
      '',
      'ttp:frameRate="25" ttp:tickRate="45000"',
    );
    expect(times(document)).toEqual([[1000, 2000], [2000, 3000], [2500, 4500], [2750, 4750], [3500, 181_500]]);
  });

  it('keeps metadata, styles, regions and direction, and moves nothing but times', () => {
    const head = '<metadata xmlns:x="urn:x"><x:y z="1">k</x:y></metadata><styling><style xml:id="s" tts:color="red"/></styling><layout><region xml:id="r" tts:origin="10% 80%" tts:extent="80% 20%"/></layout>';
    const document = ttml('<body><div region="r" begin="2s"><p begin="1s" end="2s" tts:direction="rtl" style="s">\u05d0 &amp; <span>b</span></p><p begin="7s" end="8s">n</p></div></body>', head);
    const text = document.writeTtml([0], 'he');
    expect(text).toContain(`<head>${head}</head>`);
    expect(text).toContain('<body><div region="r"><p tts:direction="rtl" style="s" begin="00:00:03.000" end="00:00:04.000">\u05d0 &amp; <span>b</span></p></div></body>');
    expect(text).toContain('xml:lang="he"');
    expect(document.writeTtml([], 'he')).toContain('<body/></tt>');
  });

  it('becomes WebVTT: styles are tags, regions settings, timed spans cues of their own', () => {
    const head = '<styling><style xml:id="i" tts:fontStyle="italic"/><style xml:id="s" style="i" tts:textAlign="center"/></styling><layout><region xml:id="r" tts:origin="10% 10%" tts:extent="40% 20%" tts:textAlign="start"/></layout>';
    const document = ttml('<body region="r"><div><p begin="1s" end="4s">\n  a &lt; <span style="s">b</span><br/><br/>c</p><p begin="5s"><span end="1s">x</span><span begin="1s" end="3s" tts:fontWeight="bold">y</span></p></div></body>', head);
    expect(times(document)).toEqual([[1000, 4000], [5000, 8000]]);
    expect(document.writeWebVtt(all(document))).toBe(
      'WEBVTT\n\n00:00:01.000 --> 00:00:04.000 line:10% position:10% size:40% align:start\na &lt; <i>b</i>\nc\n\n00:00:05.000 --> 00:00:06.000 line:10% position:10% size:40% align:start\nx\n\n00:00:06.000 --> 00:00:08.000 line:10% position:10% size:40% align:start\n<b>y</b>\n',
    );
  });

  it('says the colours that WebVTT has names for, inherited ones too', () => {
    const document = ttml('<body tts:color="#FFFF00"><div><p begin="1s" end="2s">a <span tts:color="aqua">b</span> <span tts:backgroundColor="red" tts:color="#123456">c</span></p></div></body>');
    expect(document.writeWebVtt([0])).toContain('\n<c.yellow>a <c.cyan>b</c> <c.white.bg_red>c</c></c>\n');
  });

  it('keeps the direction of words, and the edge that goes with it', () => {
    const head = '<layout><region xml:id="r" tts:origin="5% 20%" tts:extent="40% 20%" tts:textAlign="start"/></layout>';
    const document = ttml('<body region="r"><div tts:direction="rtl"><p begin="1s" end="2s">\u05e9\u05dc\u05d5\u05dd</p><p begin="2s" end="3s">ABC 1</p></div></body>', head);
    expect(document.writeWebVtt([0, 1])).toContain('00:00:02.000 line:20% position:45% size:40% align:start\n\u05e9\u05dc\u05d5\u05dd\n\n00:00:02.000 --> 00:00:03.000 line:20% position:45% size:40% align:start\n&rlm;ABC 1\n');
  });

  it('writes annotations behind what they belong to, whichever way they are nested, and loses no words', () => {
    const head = '<styling><style xml:id="rc" tts:ruby="container"/><style xml:id="rt" tts:ruby="text" tts:fontStyle="italic"/></styling>';
    const words = (p: string): string => {
      const document = ttml(`<body><div><p begin="1s" end="2s">${p}</p></div></body>`, head);
      return document.writeWebVtt([0]).split('\n').slice(3).join('\n').trimEnd();
    };
    const span = (role: string, inner: string): string => `<span tts:ruby="${role}">${inner}</span>`;
    expect(words(`a ${span('container', span('base', '漢') + span('text', 'かん'))} b`)).toBe('a <ruby>漢<rt>かん</rt></ruby> b');
    expect(words(span('container', span('base', '字') + span('delimiter', '(') + span('text', 'じ') + span('delimiter', ')')))).toBe('<ruby>字<rt>じ</rt></ruby>');
    expect(words(`<span style="rc">\n  ${span('base', '字')}\n  <span style="rt">じ</span>\n</span>`)).toBe('<ruby>字<rt><i>じ</i></rt></ruby>');
    expect(words(span('container', span('baseContainer', span('base', '漢') + span('base', '字')) + span('textContainer', span('text', 'かん') + span('text', 'じ'))))).toBe('<ruby>漢<rt>かん</rt>字<rt>じ</rt></ruby>');
    expect(words(span('container', span('baseContainer', span('base', '漢')) + `<span tts:ruby="textContainer" tts:fontWeight="bold">${span('text', 'a') + span('text', 'b')}</span>` + span('textContainer', span('text', 'c'))))).toBe('<ruby>漢<rt><b>a</b> c</rt><rt><b>b</b></rt></ruby>');
    expect(words(span('base', 'alone'))).toBe('alone');
  });

  it('keeps ruby of WebVTT in IMSC1.1, and back', () => {
    const cue = '<ruby>漢<rt>かん</rt>字<rt.yellow><i>じ</i></rt> tail</ruby> &amp; <ruby>x<rt>y</ruby>z';
    const document = vtt(`WEBVTT\n\n00:00.000 --> 00:01.000\n${cue}\n`);
    const text = document.writeTtml([0], 'ja');
    expect(text).toContain('ttp:contentProfiles="http://www.w3.org/ns/ttml/profile/imsc1.1/text">');
    expect(text).not.toContain('ttp:profile=');
    expect(text).toContain('<span tts:ruby="container"><span tts:ruby="base">漢</span><span tts:ruby="text">かん</span></span><span tts:ruby="container"><span tts:ruby="base">字</span><span tts:ruby="text" tts:color="yellow"><span tts:fontStyle="italic">じ</span></span></span> tail &amp; ');
    const back = readTextFile('ttml', utf8(text), 'x');
    expect(back.writeWebVtt([0])).toContain('\n<ruby>漢<rt>かん</rt></ruby><ruby>字<rt><c.yellow><i>じ</i></c></rt></ruby> tail &amp; <ruby>x<rt>y</rt></ruby>z\n');
    expect(vtt('WEBVTT\n\n00:00.000 --> 00:01.000\nplain\n').writeTtml([0], 'en')).toContain('ttp:profile="http://www.w3.org/ns/ttml/profile/imsc1/text"');
  });

  it('names the profile that has ruby where a stored document has it and names none', () => {
    const ruby = ttml('<body><div><p begin="1s" end="2s"><span tts:ruby="container"><span tts:ruby="base">a</span><span tts:ruby="text">b</span></span></p></div></body>');
    expect(ruby.writeTtml([0], 'ja')).toMatch(/<tt [^>]*ttp:contentProfiles="http:\/\/www\.w3\.org\/ns\/ttml\/profile\/imsc1\.1\/text"/);
  });

  it('keeps blanks that count and folds the others', () => {
    const words = (p: string, attributes = ''): string => ttml(`<body><div><p begin="1s" end="2s">${p}</p></div></body>`, '', attributes).writeWebVtt([0]).split('\n').slice(3).join('\n').trimEnd();
    expect(words('  a   b\n c ')).toBe('a b c');
    expect(words('  a   b\n c ', 'xml:space="preserve"')).toBe('&nbsp;&nbsp;a &nbsp;&nbsp;b\n&nbsp;c');
    expect(words('<span xml:space="preserve">a  <span tts:fontStyle="italic"> b</span></span>   c<span xml:space="preserve"><span xml:space="default">  d</span></span>')).toBe('a &nbsp;<i>&nbsp;b</i> c d');
    // Players fold blanks of WebVTT, so IMSC1, whose blanks count, says what is seen.
    expect(vtt('WEBVTT\n\n00:00.000 --> 00:01.000\na \t b \n  c&nbsp;&nbsp;d\n').writeTtml([0], 'en')).toContain('>a b<br/>c\u00a0\u00a0d</p>');
  });

  it('takes the namespaces of the drafts for what they became', () => {
    const draft = utf8('<tt xmlns="http://www.w3.org/2006/10/ttaf1" xmlns:tts="http://www.w3.org/2006/10/ttaf1#style" xml:lang="en"><body><div><p begin="1s" end="2s" tts:color="red">a</p></div></body></tt>');
    expect(readTextFile('ttml', draft, 'a').writeTtml([0], 'fr')).toContain('<tt xmlns="http://www.w3.org/ns/ttml" xmlns:tts="http://www.w3.org/ns/ttml#styling" xml:lang="en" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:profile="http://www.w3.org/ns/ttml/profile/imsc1/text"><body>');
  });

  it('refuses entities, foreign roots, other clocks and impossible times', () => {
    expect(codeOf(() => readTtml(utf8('<!DOCTYPE tt [<!ENTITY a "b">]><tt xmlns="http://www.w3.org/ns/ttml"/>'), 'a'))).toBe('ISOMER_TEXT_MALFORMED');
    expect(codeOf(() => readTtml(utf8('<svg/>'), 'a'))).toBe('ISOMER_TEXT_MALFORMED');
    expect(codeOf(() => readTtml(utf8('<a>'.repeat(100)), 'a'))).toBe('ISOMER_TEXT_LIMIT');
    expect(codeOf(() => ttml('<body><div><p begin="soon">a</p></div></body>'))).toBe('ISOMER_TEXT_MALFORMED');
    expect(codeOf(() => ttml('<body/>', '', 'ttp:timeBase="smpte"'))).toBe('ISOMER_TEXT_MALFORMED');
    expect(codeOf(() => ttml(`<body><div>${'<p begin="1s" end="2s">a</p>'.repeat(MAX_CUES + 1)}</div></body>`))).toBe('ISOMER_TEXT_LIMIT');
    const spans = Array.from({ length: 600 }, (_, i) => `<span begin="${i}s" end="${i + 1}s">a</span>`).join('');
    const document = ttml(`<body><div><p>${spans}</p></div></body>`);
    expect(codeOf(() => document.writeWebVtt([0]))).toBe('ISOMER_TEXT_LIMIT');
  });

  it('never throws anything but typed errors', () => {
    const bytes = utf8('<tt xmlns="http://www.w3.org/ns/ttml" xmlns:tts="http://www.w3.org/ns/ttml#styling"><head><styling><style xml:id="s" style="s"/></styling></head><body style="s"><div begin="1s"><p end="2s">a<span dur="1s">b</span></p></div></body></tt>');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 32, max: 126 })), { maxLength: 4 }), (changes) => {
        const damaged = bytes.slice();
        for (const [at, value] of changes) damaged[at] = value;
        const code = codeOf(() => {
          const document = readTextFile('ttml', damaged, 'a');
          document.writeWebVtt(all(document));
          readTtml(utf8(document.writeTtml(all(document), 'en')), 'again');
        });
        expect(['none', 'ISOMER_TEXT_MALFORMED']).toContain(code);
      }),
      { numRuns: 300 },
    );
  });
});

describe('samples', () => {
  const document = (p: string, head = ''): Uint8Array => utf8(`<tt xmlns="http://www.w3.org/ns/ttml"><head>${head}</head><body><div>${p}</div></body></tt>`);

  it('puts together what was cut in stpp, in the intervals of the samples', () => {
    const p = '<p begin="1s" end="7s">a</p>';
    const samples = [{ start: 0, end: 4000, bytes: document(p) }, { start: 4000, end: 6000, bytes: document(`${p}<p begin="5s" end="5500ms">b</p>`) }];
    const joined = readStppSamples(samples, 0, 'a.cmft');
    expect(times(joined)).toEqual([[1000, 6000], [5000, 5500]]);
    expect(times(readStppSamples(samples.map((sample) => ({ ...sample, start: sample.start + 500, end: sample.end + 500 })), 500, 'a.cmft'))).toEqual([[1500, 6500], [5500, 6000]]);
    expect(codeOf(() => readStppSamples([samples[0], { start: 4000, end: 6000, bytes: document(p, '<styling/>') }], 0, 'a'))).toBe('ISOMER_TEXT_MALFORMED');
    expect(codeOf(() => readStppSamples([], 0, 'a'))).toBe('ISOMER_TEXT_MALFORMED');
  });

  it('finds that times count from each sample, as Smooth Streaming has them, and says so', () => {
    const samples = [
      { start: 0, end: 4000, bytes: document('<p begin="1s" end="4s">a</p>') },
      { start: 4000, end: 8000, bytes: document('<p begin="0s" end="1s">a</p><p begin="2s" end="3s">b</p>') },
      { start: 8000, end: 12_000, bytes: document('') },
    ];
    const local = readStppSamples(samples, 0, 'a.ismt');
    expect(times(local)).toEqual([[1000, 5000], [6000, 7000]]);
    expect(local.notes).toEqual(['times count from each sample, as in Smooth Streaming']);
    const whole = readStppSamples([samples[0], { ...samples[1], bytes: document('<p begin="6s" end="7s">b</p>') }], 0, 'a.cmft');
    expect(times(whole)).toEqual([[1000, 4000], [6000, 7000]]);
    expect(whole.notes).toEqual([]);
  });

  const box = (type: string, ...parts: Uint8Array[]): Uint8Array => {
    const size = 8 + parts.reduce((sum, { length }) => sum + length, 0);
    return new Uint8Array(Buffer.concat([Buffer.from([size >>> 24, size >>> 16, size >>> 8, size]), Buffer.from(type, 'latin1'), ...parts]));
  };

  it('puts together what was cut in wvtt, with its head', () => {
    const cue = box('vttc', box('iden', utf8('7')), box('sttg', utf8('line:0')), box('payl', utf8('a\n\n--> b')));
    const samples = [{ start: 0, end: 1000, bytes: box('vtte') }, { start: 1000, end: 4000, bytes: cue }, { start: 4000, end: 5000, bytes: new Uint8Array([...cue, ...box('vttc', box('payl', utf8('c')))]) }];
    const read = readWvttSamples(samples, 'WEBVTT\n\nSTYLE\n::cue{}', 'a.cmft');
    expect(read.writeWebVtt(all(read))).toBe('WEBVTT\n\nSTYLE\n::cue{}\n\n7\n00:00:01.000 --> 00:00:05.000 line:0\na\n--&gt; b\n\n00:00:04.000 --> 00:00:05.000\nc\n');
    expect(codeOf(() => readWvttSamples([{ start: 0, end: 1, bytes: new Uint8Array([0, 0, 0, 9, 1, 1, 1, 1]) }], '', 'a'))).toBe('ISOMER_TEXT_MALFORMED');
  });
});

describe('segments', () => {
  it('repeats what crosses a cut, and only that', () => {
    const cues = [{ start: 0, end: 6000 }, { start: 1000, end: 19_000 }, { start: 12_000, end: 13_000 }, { start: 30_000, end: 31_000 }];
    expect(cutCues(cues, [0, 6000, 12_000, 18_000, 24_000], 'a')).toEqual([[0, 1], [1], [1, 2], [1]]);
  });

  it('gives every segment all cues that show in it', () => {
    const interval = fc.tuple(fc.nat(50_000), fc.integer({ min: 1, max: 20_000 })).map(([start, length]) => ({ start, end: start + length }));
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 40 }), (list) => {
        const cues = list.toSorted((a, b) => a.start - b.start);
        const edges = [0, 5000, 12_000, 30_000, 60_000];
        cutCues(cues, edges, 'a').forEach((found, i) => {
          expect([...found].sort((a, b) => a - b)).toEqual(cues.flatMap(({ start, end }, index) => (start < edges[i + 1] && end > edges[i] ? [index] : [])));
        });
      }),
    );
  });

  it('counts from the segment for Smooth Streaming, to the tick, and shows the same there at every time', () => {
    const split = vtt('WEBVTT\n\n00:05.000 --> 00:07.000\na\n').writeTtml([0], 'en', { start: 5005.0001, end: 6000 });
    expect(split).toContain('begin="00:00:00.000" end="00:00:00.9949999"');
    const timing = fc.record({ begin: fc.nat(9), dur: fc.integer({ min: 1, max: 9 }) }).map(({ begin, dur }) => ` begin="${begin}s" dur="${dur}s"`);
    const span = fc.tuple(timing, fc.option(timing), fc.boolean()).map(([outer, inner, isSequence]) => `<span${outer}${isSequence ? ' timeContainer="seq"' : ''}>a${inner === null ? 'b' : `<span${inner}>c</span><span${inner}>d</span>`}</span>`);
    const paragraph = fc.tuple(timing, fc.boolean(), fc.array(span, { maxLength: 3 })).map(([own, isSequence, spans]) => `<p${own}${isSequence ? ' timeContainer="seq"' : ''}>${spans.join('')}<span>e</span></p>`);
    const shownAt = (document: TextDocument, time: number): string =>
      readWebVtt(utf8(document.writeWebVtt(all(document))), 'a').cues.flatMap(({ start, end, payload }) => (start <= time && time < end ? [payload] : [])).toSorted().join('|');
    fc.assert(
      fc.property(fc.array(paragraph, { minLength: 1, maxLength: 3 }), fc.nat(9), fc.integer({ min: 1, max: 9 }), (paragraphs, from, length) => {
        const whole = ttml(`<body><div>${paragraphs.join('')}</div></body>`);
        const window = { start: from * 1000 + 500, end: (from + length) * 1000 };
        const [cues] = cutCues(whole.cues, [window.start, window.end], 'a');
        const part = readTextFile('ttml', utf8(whole.writeTtml(cues, 'en', window)), 'part');
        for (let time = window.start; time < window.end; time += 500) expect(shownAt(part, time - window.start)).toBe(shownAt(whole, time));
        expect(shownAt(part, window.end - window.start)).toBe('');
      }),
    );
  });

  it('holds no more than its limits', () => {
    const document = vtt(`WEBVTT\n\n${Array.from({ length: 2000 }, () => '00:00.000 --> 99:00:00.000\nx').join('\n\n')}`);
    const edges = Array.from({ length: 1001 }, (_, i) => i * 6000);
    expect(codeOf(() => writeSegments(document, edges, 'en', 'a'))).toBe('ISOMER_TEXT_LIMIT');
  });

  it('writes times of any size', () => {
    expect([clockText(0), clockText(3_599_999), clockText(360_000_000)]).toEqual(['00:00:00.000', '00:59:59.999', '100:00:00.000']);
  });
});
