// One small program for a page: clicks on figures, keys of a lesson, maps and bars that follow a slider, a walk, the visit.
export default function (component) {
  const { data: [data], setTriggerValue, parentElement } = component;
  const stops = [
    clicks(data.figures || [], (picked) => setTriggerValue('picked', picked)),
    data.buttons ? keys(data.buttons) : () => {},
    scrub(data.scrub),
    bars(data.bars),
    press(data.press),
    visit(data.visit, (text) => setTriggerValue('visit', text)),
  ];
  const main = document.querySelector('[data-testid=stMain]');
  if (main && data.step !== null && window.sightlinesStep !== undefined && window.sightlinesStep !== data.step) main.scrollTo(0, 0);
  window.sightlinesStep = data.step;
  document.documentElement.dataset.sightlines = 'listening';
  if (parentElement.stopSightlines) parentElement.stopSightlines();
  parentElement.stopSightlines = () => stops.forEach((stop) => stop());
  return parentElement.stopSightlines;
}
