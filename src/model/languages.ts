/**
 * Language codes. MP4 stores ISO 639-2 codes of three letters; an RFC 5646 tag must use the two-letter code where one exists (2.2.1),
 * as DASH's xs:language values and HLS's LANGUAGE do.
 */

/** ISO 639-1 code, then its ISO 639-2 terminological and, where it differs, bibliographic code: all 184 languages that have two letters. */
const TWO_LETTER = `
  aa:aar ab:abk ae:ave af:afr ak:aka am:amh an:arg ar:ara as:asm av:ava ay:aym az:aze ba:bak be:bel bg:bul bh:bih bi:bis bm:bam bn:ben bo:bod/tib br:bre
  bs:bos ca:cat ce:che ch:cha co:cos cr:cre cs:ces/cze cu:chu cv:chv cy:cym/wel da:dan de:deu/ger dv:div dz:dzo ee:ewe el:ell/gre en:eng eo:epo es:spa
  et:est eu:eus/baq fa:fas/per ff:ful fi:fin fj:fij fo:fao fr:fra/fre fy:fry ga:gle gd:gla gl:glg gn:grn gu:guj gv:glv ha:hau he:heb hi:hin ho:hmo
  hr:hrv ht:hat hu:hun hy:hye/arm hz:her ia:ina id:ind ie:ile ig:ibo ii:iii ik:ipk io:ido is:isl/ice it:ita iu:iku ja:jpn jv:jav ka:kat/geo kg:kon
  ki:kik kj:kua kk:kaz kl:kal km:khm kn:kan ko:kor kr:kau ks:kas ku:kur kv:kom kw:cor ky:kir la:lat lb:ltz lg:lug li:lim ln:lin lo:lao lt:lit lu:lub
  lv:lav mg:mlg mh:mah mi:mri/mao mk:mkd/mac ml:mal mn:mon mr:mar ms:msa/may mt:mlt my:mya/bur na:nau nb:nob nd:nde ne:nep ng:ndo nl:nld/dut nn:nno
  no:nor nr:nbl nv:nav ny:nya oc:oci oj:oji om:orm or:ori os:oss pa:pan pi:pli pl:pol ps:pus pt:por qu:que rm:roh rn:run ro:ron/rum ru:rus rw:kin sa:san
  sc:srd sd:snd se:sme sg:sag si:sin sk:slk/slo sl:slv sm:smo sn:sna so:som sq:sqi/alb sr:srp ss:ssw st:sot su:sun sv:swe sw:swa ta:tam te:tel tg:tgk
  th:tha ti:tir tk:tuk tl:tgl tn:tsn to:ton tr:tur ts:tso tt:tat tw:twi ty:tah ug:uig uk:ukr ur:urd uz:uzb ve:ven vi:vie vo:vol wa:wln wo:wol xh:xho
  yi:yid yo:yor za:zha zh:zho/chi zu:zul
`;

const SHORTEST: ReadonlyMap<string, string> = new Map(
  TWO_LETTER.trim()
    .split(/\s+/)
    .flatMap((entry) => {
      const [two, three] = entry.split(':');
      return three.split('/').map((code) => [code, two] as const);
    }),
);

/** From two letters to the terminological code. */
const LONGEST: ReadonlyMap<string, string> = new Map([...SHORTEST].toReversed().map(([three, two]) => [two, three] as const));

/** RFC 5646 2.1, reduced to what XML's xs:language accepts. */
const LANGUAGE_TAG = /^[a-z]{2,8}(-[a-z0-9]{1,8})*$/i;

/** The shortest tag of a stored language: `eng` and `en` give `en`, `und` stays, text that is no tag is `und`; empty gives undefined. */
export function languageTag(stored: string): string | undefined {
  if (stored === '') return undefined;
  if (!LANGUAGE_TAG.test(stored)) return 'und';
  const [primary, ...subtags] = stored.split('-');
  const language = primary.toLowerCase();
  return [SHORTEST.get(language) ?? language, ...subtags.map(canonicalSubtag)].join('-');
}

/** A tag as movie headers hold it: the code of three letters, and the tag itself where it says more. */
export function movieLanguage(tag: string): { readonly code: string; readonly extended: string | null } {
  const [primary, ...subtags] = tag.toLowerCase().split('-');
  const code = LONGEST.get(primary) ?? (/^[a-z]{3}$/.test(primary) ? primary : 'und');
  return { code, extended: subtags.length > 0 || (code === 'und' && primary !== 'und' && primary !== '') ? tag : null };
}

/** RFC 5646 2.1.1: regions in capitals, scripts with one, the rest small. */
function canonicalSubtag(subtag: string): string {
  const small = subtag.toLowerCase();
  if (small.length === 2) return small.toUpperCase();
  return /^[a-z]{4}$/.test(small) ? small[0].toUpperCase() + small.slice(1) : small;
}

export function isLanguageTag(text: string): boolean {
  return LANGUAGE_TAG.test(text);
}
