// What a reader wrote, to walk through: click a token, or go with the arrow keys from anywhere on the page but a control.
// What the model wrote arrives escaped in data.html; nothing else is ever set as HTML. The number is kept here too, so
// that a held key goes on while the server still draws the token before. Home and End scroll the page elsewhere.
const kept = new WeakMap();
const PATIENCE = 3000;  // milliseconds that a choice may wait for the server to draw it
const USES_KEYS = 'input, textarea, select, [contenteditable=true], [role=slider], [role=radio], [role=radiogroup],'
  + ' [role=tab], [role=combobox], [role=listbox], [role=option], [role=menu], [role=menuitem], [role=spinbutton]';

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  let me = kept.get(parentElement);
  if (!me) { me = { sent: 0 }; kept.set(parentElement, me); }
  const box = parentElement.querySelector('.box');
  const root = box.getRootNode();
  (root.host || box).classList.add('sightlines-takes-arrows');  // a lesson's own arrow keys leave them to this
  const late = me.wanted !== undefined && me.wanted !== data.current && Date.now() - me.sent < PATIENCE;
  if (!late) me.wanted = undefined;
  const current = late ? me.wanted : data.current;
  const focused = root.activeElement && box.contains(root.activeElement);
  const top = box.scrollTop;
  box.innerHTML = data.html;
  box.scrollTop = top;
  if (late) mark(current);
  me.current = current;
  show(focused);
  clearTimeout(me.waiting);
  // A slider or button that was used in between has the last word.
  if (late) me.waiting = setTimeout(() => { me.wanted = undefined; mark(data.current); me.current = data.current; }, PATIENCE);

  function all(number) { return [...box.querySelectorAll(`[data-token="${number}"]`)]; }

  function mark(number) {
    const old = [...box.querySelectorAll('[aria-current]')];
    const style = old.length ? old[0].getAttribute('style') : 'background:#ffd24d;color:#000';
    for (const one of old) {
      one.removeAttribute('style'); one.removeAttribute('aria-current'); one.setAttribute('tabindex', '-1');
    }
    for (const one of all(number)) {
      one.setAttribute('style', style); one.setAttribute('aria-current', 'true'); one.setAttribute('tabindex', '0');
    }
  }

  function show(focus) {
    const here = all(me.current)[0];
    if (!here) return;
    const low = here.offsetTop, high = low + here.offsetHeight;
    if (low < box.scrollTop || high > box.scrollTop + box.clientHeight) box.scrollTop = low - box.clientHeight / 2;
    if (focus) here.focus({ preventScroll: true });
  }

  function go(number, focus) {
    const to = Math.min(Math.max(number, data.first), data.last);
    if (to === me.current) return;
    mark(to);
    me.current = to; me.wanted = to; me.sent = Date.now();
    show(focus);
    setTriggerValue('token', to);
  }

  function step(event, inside) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const by = { ArrowLeft: me.current - 1, ArrowRight: me.current + 1 };
    if (inside) Object.assign(by, { Home: data.first, End: data.last });
    if (!(event.key in by)) return;
    event.preventDefault();
    go(by[event.key], inside);
  }

  function keys(event) {
    const path = event.composedPath();
    if (path.includes(box)) {
      const on = path.find((one) => one.dataset && one.dataset.token !== undefined);
      if (on && (event.key === 'Enter' || event.key === ' ')) { event.preventDefault(); go(+on.dataset.token, true); }
      step(event, true);
    } else if (!path.some((one) => one.matches && one.matches(USES_KEYS))) {
      step(event, false);
    }
  }

  function click(event) {
    const on = event.target.closest('[data-token]');
    if (on) go(+on.dataset.token, true);
  }

  if (me.stop) me.stop();
  document.addEventListener('keydown', keys);
  box.addEventListener('click', click);
  const stop = () => { document.removeEventListener('keydown', keys); box.removeEventListener('click', click); };
  me.stop = stop;
  return () => { clearTimeout(me.waiting); stop(); };
}
