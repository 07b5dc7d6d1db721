// While the thumb of the slider of this key moves, `place[name]` is what it says, from 0, and `paint` draws it.
function watch(key, place, name, first, paint) {
  const thumb = document.querySelector('.st-key-' + key + ' input[type=range]');
  if (!thumb) return () => {};
  const already = Math.round(Number(thumb.value)) - first;
  if (already >= 0 && already !== place[name]) { // the server drew for where the thumb was a moment ago
    place[name] = already;
    requestAnimationFrame(paint);
    setTimeout(paint, 60);
  }
  const seen = new MutationObserver(() => {
    const value = Math.round(Number(thumb.value)) - first;
    if (value >= 0 && value !== place[name]) {
      place[name] = value;
      paint();
    }
  });
  seen.observe(thumb, { attributes: true, attributeFilter: ['value', 'aria-valuetext'] });
  return () => seen.disconnect();
}
