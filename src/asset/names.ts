/** Track names as URLs can carry them. */

/**
 * What a decoded URL segment splits at or may not hold (spec/url.md): the grammar `verb(name=time,…)` knows no escape for
 * its own characters, since everything is decoded first. Names of other documents than the server manifest are not checked
 * before, so what could break out of playlists and XML is here too.
 */
const UNADDRESSABLE = /[()=,/\\#"<>\p{Cc}]/gu;
/** Percent-encoded; a segment's URL holds two names, and all of it must stay below the limit of the grammar. */
const MAX_ENCODED = 600;

/** The name with `_` in the place of what cannot stand in a URL, cut where it is too long; null when nothing is left. */
export function addressable(name: string): string | null {
  const characters = [...name.toWellFormed().replace(UNADDRESSABLE, '_').trim()];
  let kept = '';
  let bytes = 0;
  for (const character of characters) {
    bytes += encodeURIComponent(character).length;
    if (bytes > MAX_ENCODED) break;
    kept += character;
  }
  return kept.trim() === '' ? null : kept.trim();
}
