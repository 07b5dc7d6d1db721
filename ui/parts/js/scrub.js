// While the thumb of a layer or head slider moves, the figure follows at once: its maps are here already, as bytes.
// The server's own figure, exact and with everything that belongs to it, comes a moment later.
function bytes(text) {
  return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
}

function scrub(given) {
  if (!given) return () => {};
  const maps = bytes(given.maps);
  const size = given.rows * given.columns;
  const place = { layer: given.layer, head: given.head };

  function grid(number) {
    const found = [];
    for (let row = 0; row < given.rows; row++) {
      const from = number * size + row * given.columns;
      found.push(Array.from(maps.subarray(from, from + given.columns), (one) => (one / 255) * given.tops[number]));
    }
    return found;
  }

  function paint() {
    const plot = document.querySelector('.st-key-' + given.figure + ' .js-plotly-plot');
    const number = place.layer * given.heads + place.head;
    if (!plot || !window.Plotly || !(number < given.tops.length)) return;
    const trace = plot.data.findIndex((one) => one.type === 'heatmap');
    if (trace < 0) return;
    const top = given.top === null ? given.tops[number] : given.top;
    window.Plotly.restyle(plot, { z: [grid(number)], zmin: 0, zmax: top }, [trace]);
    const title = given.title.replace('{layer}', place.layer + 1).replace('{head}', given.names[place.head]);
    window.Plotly.relayout(plot, { 'title.text': title });
  }

  const stops = [watch(given.layer_key, place, 'layer', 1, paint), watch(given.head_key, place, 'head', 0, paint)];
  return () => stops.forEach((stop) => stop());
}
