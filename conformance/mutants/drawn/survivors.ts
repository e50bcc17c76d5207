/** Why a mutant that means something else may live: nothing in the standards or in the contract forbids what it says. */
type Survivor = { readonly area: string; readonly operator: string; readonly format: string; readonly exchange: string; readonly where: string };

export const EXPLANATIONS: readonly { readonly why: string; readonly is: (survivor: Survivor) => boolean }[] = [
  { why: 'mfhd: ISO/IEC 14496-12:2022 8.8.5 asks for rising numbers; this one still rises, or names a fragment that stands alone', is: ({ where }) => /moof\/mfhd payload byte [4-7] /.test(where) },
  { why: 'tfhd: a default that trun overrides for every sample', is: ({ where }) => /moof\/traf\/tfhd payload byte (8|9|1\d|20) /.test(where) },
  { why: 'clock reference of a lone key frame, or of the last units: it still precedes decoding by 700 ms at most (TS-004)', is: ({ operator, where }) => operator === 'clock reference' && / by -?\d+/.test(where) },
  { why: 'the base of a clock reference moves by less than the 100 ms that TS-004 and the buffer model allow', is: ({ operator, where }) => operator === 'bit of an adaptation field' && /byte (3|4|5|6) of the part/.test(where) },
  { why: 'stream_id: another number of the range for its media (ISO/IEC 13818-1:2019 table 2-22)', is: ({ operator, where }) => operator === 'bit of a PES header' && where.includes('(byte 3 of the part)') },
  { why: 'packets of two PIDs in another order: only the buffer model could mind, and it holds', is: ({ operator }) => operator === 'neighbouring packets exchanged' },
  { why: 'AVERAGE-BANDWIDTH, BANDWIDTH or bandwidth of a CMAF output within the tolerance of measuring', is: ({ where, format }) => format.endsWith('-cmaf') && /^@?(AVERAGE-)?BANDWIDTH=/i.test(where) },
  { why: 'the audio-only variant: spec/mapping-hls.md makes it optional', is: ({ area, operator, where }) => area === 'multivariant playlist' && (operator === 'end cut off' || /^(without|twice)? ?"?QualityLevels\(\d+\)\/Manifest\((?!video)/.test(where) || /without "#EXT-X-STREAM-INF:.*CODECS="mp4a[^,]*"/.test(where)) },
  { why: 'EXTINF: a microsecond is the precision of the text', is: ({ area, where }) => area === 'media playlist' && where.includes('TINF:') },
  { why: 'track_ID of a Smooth fragment: it has no header, and clients find it by its URL', is: ({ format, where }) => format === 'smooth' && /moof\/traf\/tfhd payload byte [4-7] /.test(where) },
  { why: 'order of Representations: ISO/IEC 23009-1 gives it no meaning; where ids count, they tell', is: ({ area, operator }) => area === 'mpd' && operator === 'siblings exchanged' },
  { why: 'hexadecimal digits mean the same in either case', is: ({ area, operator, where }) => area === 'smooth manifest' && operator === 'bit of a character' && /^bit 5 .*[0-9A-F]{6}/i.test(where) },
  { why: 'a decoding stamp one tick of 90 kHz off: the rounding that is allowed', is: ({ operator, where }) => operator === 'bit of a PES header' && /bit 1 \(byte 18 of the part\)/.test(where) },
  { why: 'minBufferTime: longer than it has to be, and no standard bounds it', is: ({ where }) => where.startsWith('@minBufferTime') },
  { why: 'continuity counter of the only packet of its PID in a lone key frame: nothing comes before it', is: ({ operator, exchange, where }) => operator === 'continuity counter' && exchange.includes('/KeyFrames(') && /of PID (0|4096) /.test(where) },
  { why: 'mehd: optional (ISO/IEC 14496-12:2022 8.8.2), and clients take lengths from manifests', is: ({ where }) => /^(?:without )?moov\/mvex\/mehd( payload byte | becomes |$)/.test(where) },
  { why: 'btrt: optional (ISO/IEC 14496-12:2022 8.5.2.2)', is: ({ where }) => /\/btrt( becomes |$)/.test(where) },
  { why: 'tfdt in place of tfxd: clients of stored Smooth content can do without tfxd (MSS-033), and the time is told', is: ({ area, operator, format }) => area === 'delivery' && operator === 'another output' && format === 'smooth' },
  { why: 'EXT-X-MEDIA-SEQUENCE: any number begins a list on demand, and one that starts late may be a part of another', is: ({ where }) => where.includes('EXT-X-MEDIA-SEQUENCE:') },
  { why: 'the XML declaration became a processing instruction that nobody knows: without one a document is XML 1.0 in UTF-8', is: ({ operator, where }) => operator === 'bit of a character' && /of byte [2-4] \("<\?xml /.test(where) },
  { why: 'Period@id: ISO/IEC 23009-1:2022 5.3.2.2 wants it in dynamic MPDs alone', is: ({ area, where }) => area === 'mpd' && (where === 'without id="1"' || where.startsWith('@id="1" becomes')) },
  { why: 'elementary_stream_priority_indicator: a hint that no decoder needs (ISO/IEC 13818-1:2019 2.4.3.5)', is: ({ operator, where }) => operator === 'bit of an adaptation field' && /byte 5 bit 5 \(byte 1 of the part\)/.test(where) },
  { why: 'hexadecimal digits of a codec string mean the same in either case (RFC 6381 3.3)', is: ({ area, operator, where }) => area === 'multivariant playlist' && operator === 'bit of a character' && /^bit 5 .*(?:avc1|hvc1|hev1)\./.test(where) },
  { why: 'CLOSED-CAPTIONS: optional where there are none', is: ({ where }) => where === 'without CLOSED-CAPTIONS=NONE' },
  { why: 'AUTOSELECT: optional where DEFAULT is not YES', is: ({ where }) => where === 'without AUTOSELECT=YES' },
  { why: 'default-base-is-moof: the first traf of a fragment has the same base without it (ISO/IEC 14496-12:2022 8.8.7.1)', is: ({ format, where }) => format === 'smooth' && where.startsWith('moof/traf/tfhd payload byte 1 bit 1') },
  { why: 'a descriptor scheme that nobody knows is ignored (ISO/IEC 23009-1:2022 5.8.2)', is: ({ where }) => where.startsWith('@schemeIdUri') },
  { why: 'where keys and licences are got: every address may be the right one, and so may what an application gets beside it', is: ({ area, operator, where }) => area === 'protection' && operator.startsWith('character of') && /https?:|skd:|licenseUrl|URI=/.test(where) },
  { why: 'a PlayReady object in base64 of UTF-16: the changed character is one of its address', is: ({ area, operator, where }) => area === 'protection' && operator === 'character of a descriptor’s text' && where.includes('ProtectionHeader') },
];

export function explain(survivor: Survivor): string | null {
  return EXPLANATIONS.find(({ is }) => is(survivor))?.why ?? null;
}
