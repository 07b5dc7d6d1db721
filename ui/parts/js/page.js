// One small program for a page: clicks on figures, keys of a lesson, maps that follow a slider, a walk.
export default function (component) {
  const { data, setTriggerValue, parentElement } = component;
  const stops = [
    clicks(data.figures || [], (picked) => setTriggerValue('picked', picked)),
    data.buttons ? keys(data.buttons) : () => {},
    scrub(data.scrub),
    press(data.press),
  ];
  document.documentElement.dataset.sightlines = 'listening';
  if (parentElement.stopSightlines) parentElement.stopSightlines();
  parentElement.stopSightlines = () => stops.forEach((stop) => stop());
  return parentElement.stopSightlines;
}
