/** The page that a device opens: large enough for a sofa, and old enough for a television. Each task gets a page of its own in a frame, so that what one player leaves behind does not meet the next. */
export const LANDING = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Conformance</title>
<link rel="icon" href="data:,">
<style>
body { margin: 2rem auto; max-width: 44rem; padding: 0 1rem; font: 1.3rem/1.5 system-ui, sans-serif; background: #12171a; color: #e6ebee; }
input, button { font: inherit; padding: .4rem .8rem; border-radius: .4rem; border: 2px solid #4fc3cd; background: #1b2125; color: inherit; }
input { width: 8ch; letter-spacing: .2ch; }
iframe { width: 640px; max-width: 100%; height: 360px; border: 1px solid #333d43; background: #000; }
:focus-visible { outline: 4px solid #fff; }
</style>
<h1>Conformance</h1>
<form><label>Code <input name="code" inputmode="numeric" maxlength="6" autocomplete="off" autofocus></label> <button>Start</button></form>
<p role="status">Type the code that the suite prints, and leave this page in front until it says that it is done.</p>
<iframe allow="autoplay" title="player"></iframe>
<script type="module">
const status = document.querySelector('[role=status]');
const frame = document.querySelector('iframe');
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
async function ask(path, body, token) {
  for (let tries = 0; ; tries++) {
    try {
      const answer = await fetch('/device/' + path, { method: 'POST', body, headers: token ? { 'x-token': token } : {} });
      const value = await answer.json();
      if (answer.ok) return value;
      throw Object.assign(new Error(value.error), { told: true });
    } catch (error) {
      if (error.told || tries === 5) throw error;
      await wait(1000 * (tries + 1));
    }
  }
}
async function play(task) {
  await new Promise((resolve) => { frame.onload = resolve; frame.src = '/'; });
  for (let i = 0; i < 100 && !frame.contentWindow.suite; i++) await wait(100);
  if (!frame.contentWindow.suite) return 'the page of the player did not get ready';
  frame.contentWindow.suite.run(task);
  for (let i = 0; i < 450; i++) {
    const result = frame.contentWindow.suite.result();
    if (result !== null) return result;
    await wait(200);
  }
  return 'no result in time';
}
document.querySelector('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  event.target.querySelector('button').disabled = true;
  try {
    const { token, tasks } = await ask('enter', new FormData(event.target).get('code').trim());
    event.target.hidden = true;
    for (;;) {
      const next = await ask('next', '', token);
      if (next === null) break;
      status.textContent = 'Task ' + (next.index + 1) + ' of ' + tasks + ': ' + next.task.player;
      await ask('result', JSON.stringify({ index: next.index, result: await play(next.task) }), token);
    }
    frame.remove();
    status.textContent = 'Done. Thank you.';
  } catch (error) {
    status.textContent = 'It did not go on: ' + error.message;
    event.target.querySelector('button').disabled = false;
  }
});
</script></html>`;
