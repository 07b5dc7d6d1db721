// The answers of a visit stay in this tab: the server's session has them, and the tab's storage keeps them over a reload.
// What the tab had kept is handed to each new session once, which checks it; only then is it written over.
const STORED = 'sightlines-visit';
const LARGEST = 1100000; // characters: a little more than the server reads, so that it can say that there were too many

function visit(given, send) {
  if (!given) return;
  const anew = window.sightlinesVisit !== given.session;
  window.sightlinesVisit = given.session;
  let kept = null;
  try {
    kept = sessionStorage.getItem(STORED);
  } catch { // no storage
  }
  if (anew && kept !== null && kept !== given.text) {
    send(kept.slice(0, LARGEST));
    return;
  }
  if (given.waiting) send('');
  try {
    if (given.text === '') sessionStorage.removeItem(STORED);
    else if (given.text !== kept) sessionStorage.setItem(STORED, given.text);
  } catch { // no storage, or a full one: the answers stay in the session
  }
}
