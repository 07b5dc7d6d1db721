// While the thumb of a slider moves, bars follow and change places: the values of all its positions are here already.
function bars(given) {
  if (!given) return () => {};
  const place = { at: given.at };

  function paint() {
    const plot = document.querySelector('.st-key-' + given.figure + ' .js-plotly-plot');
    const values = given.values[place.at];
    if (!plot || !window.Plotly || !values) return;
    const trace = plot.data.findIndex((one) => one.type === 'bar');
    if (trace < 0) return;
    // As the server sorts them: the largest first, ties in the order of the names.
    const order = values.map((_, n) => n).sort((one, other) => values[other] - values[one] || one - other);
    const put = (each) => [order.map((n) => each[n])];
    const texts = put(given.texts[place.at]);
    const hover = [order.map((n) => given.names[n].replace(/^\* /, '') + ': ' + given.texts[place.at][n])];
    window.Plotly.restyle(plot, { x: put(values), text: texts, hovertext: hover, 'marker.color': put(given.colours) }, [trace]);
    window.Plotly.relayout(plot, { 'yaxis.ticktext': order.map((n) => given.names[n]), 'title.text': given.titles[place.at] });
  }

  return watch(given.key, place, 'at', 0, paint);
}
