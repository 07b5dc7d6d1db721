// A click or a tap on a figure: the nearest marker that carries data is what was meant.
// Plotly's own events come too late on touch screens (a tap selects what the finger before it hit), and a figure that Streamlit
// makes selectable no longer scrolls under a finger. So the place of the pointer is turned into a marker here.
const SLOP = 10; // pixels that a finger may move within a tap

function figureAt(target, keys) {
  const plot = target.closest && target.closest('.js-plotly-plot');
  if (!plot) return null;
  const key = keys.find((one) => plot.closest('.st-key-' + one));
  return key ? { key, plot } : null;
}

function nearestMarker(plot, x, y) {
  const full = plot._fullLayout;
  const box = plot.getBoundingClientRect();
  const left = x - box.left, top = y - box.top;
  let best = null;
  for (const trace of plot._fullData || []) {
    if (!trace.customdata || trace.visible === false) continue;
    const across = full[(trace.xaxis || 'x').replace('x', 'xaxis')];
    const down = full[(trace.yaxis || 'y').replace('y', 'yaxis')];
    if (!across || !down || !trace.x || !trace.y) continue;
    const inside = left >= across._offset && left <= across._offset + across._length
      && top >= down._offset && top <= down._offset + down._length;
    if (!inside) continue;
    const many = Math.min(trace.x.length, trace.y.length);
    for (let n = 0; n < many; n++) {
      const sideways = across._offset + across.d2p(trace.x[n]) - left;
      const updown = down._offset + down.d2p(trace.y[n]) - top;
      const far = sideways * sideways + updown * updown;
      if (!best || far < best.far) best = { far, carried: trace.customdata[n] };
    }
  }
  return best && plain(best.carried);
}

function plain(carried) {
  return typeof carried === 'object' && carried !== null ? Array.from(carried) : carried;
}

function clicks(keys, send) {
  let began = null;
  const down = (event) => {
    const on = figureAt(event.target, keys); // asked now: while a button is down, Plotly lays a cover over the page
    began = event.isPrimary ? { x: event.clientX, y: event.clientY, on } : null;
    if (on && !on.plot.sightlines && on.plot.on) {
      on.plot.sightlines = true;
      on.plot.on('plotly_selected', (chosen) => {
        const points = chosen ? chosen.points.map((one) => plain(one.customdata)).filter((one) => one !== undefined) : [];
        if (points.length) send({ key: on.key, points });
      });
    }
  };
  const up = (event) => {
    const from = began;
    began = null;
    if (!from || event.button > 0 || Math.hypot(event.clientX - from.x, event.clientY - from.y) > SLOP) return;
    const on = from.on;
    const carried = on && nearestMarker(on.plot, event.clientX, event.clientY);
    if (carried !== null && carried !== undefined) send({ key: on.key, points: [carried] });
  };
  const gone = () => { began = null; };
  document.addEventListener('pointerdown', down, true);
  document.addEventListener('pointerup', up, true);
  document.addEventListener('pointercancel', gone, true);
  return () => {
    document.removeEventListener('pointerdown', down, true);
    document.removeEventListener('pointerup', up, true);
    document.removeEventListener('pointercancel', gone, true);
  };
}
