/** The players' browser builds are classic scripts that leave a global behind. */

/** @type {Map<string, Promise<void>>} */
const loaded = new Map();

/**
 * Loads a player's scripts once, in order.
 * @param {import('./engines.js').PlayerFiles | null} files
 */
export async function loadScripts(files) {
  for (const url of files?.scripts ?? []) {
    let loading = loaded.get(url);
    if (loading === undefined) {
      loading = loadScript(url);
      loaded.set(url, loading);
    }
    await loading;
  }
}

/**
 * @param {string} url
 * @returns {Promise<void>}
 */
function loadScript(url) {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = url;
    script.addEventListener('load', () => resolve());
    script.addEventListener('error', () => {
      loaded.delete(url);
      reject(new Error(`The player's file ${url} could not be loaded.`));
    });
    document.head.append(script);
  });
}
