"use strict";
// What a threshold comes to, from the detections that the page carries; see reporting/thresholds.py.
(() => {
  const element = (name) => document.getElementById(name);
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const classes = JSON.parse(element("detections").textContent).map((one) => ({
    planned: one.planned,
    confidence: new Float32Array(bytes(one.confidence)), // falling
    place: new Uint32Array(bytes(one.place)), // twice the image, and one more for a hit
    truths: new Uint32Array(bytes(one.truths)), // image, how many, image, how many, …
  }));
  const chosen = classes.map((one) => one.planned);
  const slider = element("threshold"), scope = element("scope"), output = element("value");

  // Counts of one class above a threshold, and the images in which something is missed or a false alarm raised.
  function count({ confidence, place, truths }, threshold) {
    const limit = Math.fround(threshold), open = new Map(), alarmed = new Set();
    let objects = 0, hits = 0, kept = 0;
    for (let i = 0; i < truths.length; i += 2) {
      open.set(truths[i], truths[i + 1]);
      objects += truths[i + 1];
    }
    for (; kept < confidence.length && confidence[kept] > limit; kept++) {
      const image = place[kept] >>> 1;
      if (place[kept] & 1) {
        hits++;
        open.set(image, open.get(image) - 1);
      } else alarmed.add(image);
    }
    const missed = new Set([...open].filter(([, left]) => left > 0).map(([image]) => image));
    return { hits, alarms: kept - hits, misses: objects - hits, missed, alarmed };
  }

  function together(counts) {
    const sum = { hits: 0, alarms: 0, misses: 0, missed: new Set(), alarmed: new Set() };
    for (const one of counts) {
      for (const key of ["hits", "alarms", "misses"]) sum[key] += one[key];
      for (const key of ["missed", "alarmed"]) for (const image of one[key]) sum[key].add(image);
    }
    return sum;
  }

  function numbers({ hits, alarms, misses, missed, alarmed }) {
    const share = (whole, part) => (whole ? part / whole : NaN);
    return {
      precision: share(hits + alarms, hits),
      recall: share(hits + misses, hits),
      f1: hits + misses ? (2 * hits) / (2 * hits + alarms + misses) : NaN,
      misses, alarms, missed: missed.size, alarmed: alarmed.size,
    };
  }

  function write(place, values) {
    for (const [key, value] of Object.entries(values)) {
      const cell = place.querySelector(`[data-number="${key}"]`);
      const whole = ["misses", "alarms", "missed", "alarmed"].includes(key);
      cell.textContent = Number.isNaN(value) ? "–" : whole ? value.toLocaleString("en-US") : value.toFixed(3);
    }
  }

  function show() {
    const counts = classes.map((one, index) => count(one, chosen[index]));
    const rows = [...counts.map(numbers), numbers(together(counts))];
    document.querySelectorAll("#by-class tbody tr").forEach((row, index) => {
      write(row, rows[index]);
      if (index < chosen.length) row.querySelector("[data-threshold]").textContent = chosen[index].toFixed(3);
    });
    const index = scope.value === "all" ? classes.length : Number(scope.value);
    const here = rows[index], alike = chosen.every((value) => value === chosen[0]);
    write(element("numbers"), here);
    const threshold = index < chosen.length ? chosen[index] : alike ? chosen[0] : NaN;
    output.textContent = Number.isNaN(threshold) ? "one a class" : threshold.toFixed(3);
    slider.setAttribute("aria-valuetext", output.textContent);
    if (!Number.isNaN(threshold)) slider.value = threshold;
    const drawn = (x, y) => (Number.isNaN(x) || Number.isNaN(y) ? "" : `M${x} ${y}h0`);
    element("here").setAttribute("d", drawn(here.recall, here.precision));
    element("level").setAttribute("d", Number.isNaN(threshold) ? "" : `M${threshold} 0V1`);
    for (const curve of document.querySelectorAll("[data-scope]"))
      curve.classList.toggle("on", curve.dataset.scope === scope.value);
  }

  slider.addEventListener("input", () => {
    if (scope.value === "all") chosen.fill(Number(slider.value));
    else chosen[Number(scope.value)] = Number(slider.value);
    show();
  });
  scope.addEventListener("input", show);
  element("planned").addEventListener("click", () => {
    classes.forEach((one, index) => (chosen[index] = one.planned));
    show();
  });
  element("control").hidden = false;
  show();
})();
