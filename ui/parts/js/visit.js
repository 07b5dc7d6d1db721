// The answers of a visit stay in this tab: the server's session has them, and the tab's storage keeps them over a reload.
// What the tab had kept is handed to each new session once, which checks it; only then is it written over.
const STORED = 'sightlines-visit';
const LARGEST = 1100000; // characters: a little more than the server reads, so that it can say that there were too many

const SOON = 60; // milliseconds between two looks at whether the page is still being drawn
const LATEST = 5000;

// What is sent while the page is being drawn carries the address and the controls of before, and would bring them back.
function whenDrawn(then) {
  const began = Date.now();
  let due = 0, quiet = 0;
  const look = () => {
    const app = document.querySelector('[data-testid=stApp]');
    quiet = app && app.dataset.testScriptState === 'running' ? 0 : quiet + 1;
    if (quiet > 1 || Date.now() - began > LATEST) then();
    else due = setTimeout(look, SOON);
  };
  look();
  return () => clearTimeout(due);
}

function visit(given, send) {
  if (!given) return () => {};
  let kept = null;
  try {
    kept = sessionStorage.getItem(STORED);
  } catch { // no storage
  }
  if (window.sightlinesVisit !== given.session && kept !== null && kept !== given.text) {
    return whenDrawn(() => {
      window.sightlinesVisit = given.session;
      send(kept.slice(0, LARGEST));
    });
  }
  window.sightlinesVisit = given.session;
  try {
    if (given.text === '') sessionStorage.removeItem(STORED);
    else if (given.text !== kept) sessionStorage.setItem(STORED, given.text);
  } catch { // no storage, or a full one: the answers stay in the session
  }
  return given.waiting ? whenDrawn(() => send('')) : () => {};
}
