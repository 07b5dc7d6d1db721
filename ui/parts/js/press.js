// A walk through words or tokens: a while after a page is drawn, its button that goes on is pressed.
function press(given) {
  if (!given) return () => {};
  const due = setTimeout(() => {
    const button = document.querySelector('.st-key-' + given.button + ' button');
    if (button && !button.disabled) button.click();
  }, given.after);
  return () => clearTimeout(due);
}
