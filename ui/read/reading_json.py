"""The written JSON as something to walk through: click a token, or go with the arrow keys from anywhere on the page."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from visualizer.words.reading import json_html

EVENT = "token"

# Its own scroll box, so that the page's figure stays beside it however long the JSON is.
CSS = """
.box { max-height: 24rem; overflow: auto; padding: 0.6rem; border: 1px solid var(--st-border-color, #8888);
  border-radius: 0.5rem; color: var(--st-text-color); position: relative; }
[data-token] { cursor: pointer; border-radius: 2px; }
[data-token]:hover { text-decoration: underline; }
[data-token]:focus-visible { outline: 3px solid var(--st-primary-color, #0072b2) !important; }
"""

# What the model wrote arrives escaped in data.html; nothing else is ever set as HTML. The number is kept here too, so
# that a held key goes on while the server still draws the token before. Home and End scroll the page elsewhere.
JS = """
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
"""


def draw(tokens: Sequence[str], current: int, first: int, key: str, on_pick: Callable[[], None]) -> None:
    """The JSON of `tokens` with the current one marked; `on_pick` runs when another is chosen.

    Args:
        tokens: every row's token, those of the prompt first.
        current: row of the token to mark.
        first: how many rows the prompt takes; they cannot be chosen.
        key: of the component; `picked(key)` reads what was chosen.
        on_pick: callback.
    """
    # Registered anew each run: a component is known to the server that registered it, and a second one may follow.
    component = st.components.v2.component(
        "sightlines_reading_json",
        html='<div class="box" role="group" aria-label="What the model wrote. Arrow keys step through it."></div>',
        css=CSS,
        js=JS,
    )
    html = json_html(tokens, current, first=first)
    data = {"html": html, "current": current, "first": first, "last": len(tokens) - 1}
    component(key=key, data=data, on_token_change=on_pick)


def picked(key: str) -> int | None:
    """The row just chosen in the component of this key, whatever the browser sent; None if that is no number."""
    event: Any = st.session_state.get(key) or {}
    value = event.get(EVENT) if hasattr(event, "get") else None
    return int(value) if isinstance(value, (int, float)) and abs(value) < 1e9 else None
