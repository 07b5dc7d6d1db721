// Page Down and Page Up, which a presenter's clicker sends, and the arrows where nothing else wants them, press Next and Back.
const WANTS_ARROWS = 'input, textarea, select, [role=slider], [role=radio], [role=combobox], [role=listbox], [role=tab],'
  + ' [contenteditable=true], [data-token]';

function keys(buttons) {
  const press = (name) => {
    const button = document.querySelector('.st-key-' + name + ' button');
    if (!button || button.disabled) return false;
    button.click();
    return true;
  };
  const listen = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
    const onward = { PageDown: buttons.next, PageUp: buttons.back, ArrowRight: buttons.next, ArrowLeft: buttons.back }[event.key];
    if (!onward) return;
    const path = event.composedPath();
    const taken = event.key.startsWith('Arrow')
      ? path.some((one) => one.matches && one.matches(WANTS_ARROWS)) || document.querySelector('.sightlines-takes-arrows')
      : path.some((one) => one.matches && one.matches('textarea'));
    if (!taken && press(onward)) event.preventDefault();
  };
  document.addEventListener('keydown', listen);
  return () => document.removeEventListener('keydown', listen);
}
