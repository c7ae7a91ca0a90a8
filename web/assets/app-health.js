// The charts of the admins' health view: the watcher and the nodes over the last hours.
(() => {
  'use strict';
  const { $, $$, el, t, parts, locale, call, query, fill, Chart, chartParts: { colour, compact, cursor, tip } } = window.paycow;

  // Each line has a colour of its own; from the fifth on they are dashed.
  const colours = ['--accent', '--wait', '--ink', '--bad'];
  const toTheMinute = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' });
  const clock = (seconds) => toTheMinute.format(new Date(seconds * 1000));

  // linesOf returns the lines of a history: what they are called and their values, null where nothing was reported.
  function linesOf(history, field) {
    const start = Date.parse(history.from) / 1000;
    const length = Math.round((Date.parse(history.to) / 1000 - start) / history.stepSeconds);
    const sources = [{ name: t('Chain watcher'), points: history.watcher }, ...history.nodes];
    const lines = sources.map(({ name, points }, number) => {
      const values = new Array(length).fill(null);
      for (const point of points) values[Math.round((Date.parse(point.at) / 1000 - start) / history.stepSeconds)] = point[field] === null ? null : Number(point[field]);
      return { name, number, values };
    });
    return { x: Array.from({ length }, (_, i) => start + i * history.stepSeconds), lines: lines.filter(({ values }) => values.some((value) => value !== null)) };
  }

  // alone returns the values without a neighbour, which no line shows.
  const alone = (values) => [...values.keys()].filter((i) => values[i] !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null);

  // draw shows a history. said is what it shows, and format returns a value with its unit.
  function draw(chart, said, format, { x, lines }) {
    const known = (values) => values.filter((value) => value !== null);
    const sum = lines.map(({ name, values }) => t('{name}: {last} last, {most} at most.', { name, last: format(known(values).at(-1)), most: format(Math.max(...known(values))) })).join(' ');
    const common = { stroke: colour('--soft'), font: '12px system-ui,sans-serif', ticks: { show: false } };
    chart.set(`${said} ${sum || t('Nothing was reported.')}`, (box) => ({
      data: [x, ...lines.map(({ values }) => values)],
      options: {
        cursor,
        scales: { x: { time: false }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 10] } },
        axes: [
          { ...common, grid: { show: false }, size: 30, space: 62, values: (_, ticks) => ticks.map(clock), incrs: [600, 1800, 3600, 7200, 14400, 21600, 43200] },
          { ...common, grid: { stroke: colour('--line'), width: 1 }, size: 52, values: (_, ticks) => ticks.map((tick) => compact.format(tick)) },
        ],
        series: [{}, ...lines.map(({ number }) => ({
          stroke: colour(colours[number % colours.length]), width: 2, dash: number < colours.length ? undefined : [6, 4],
          points: { show: true, size: 5, fill: colour(colours[number % colours.length]), filter: (_, i) => alone(lines[i - 1].values) },
        }))],
        hooks: { setCursor: [tip(box, (i) => [el('strong', {}, clock(x[i])), ...lines.filter(({ values }) => values[i] !== null).map(({ name, values }) => el('div', {}, parts('{name}: {value}', { name, value: format(values[i]) })))])] },
      },
    }));
    const keys = lines.map(({ name, number }) => el('span', { class: `line line-${number % colours.length}${number < colours.length ? '' : ' dashed'}` }, el('bdi', {}, name)));
    const box = chart.box.nextElementSibling ?? el('p', { class: 'legend', 'aria-hidden': 'true' });
    chart.box.after(box);
    fill(box, lines.map(({ name }) => name).join('\n'), () => keys);
  }

  // healthHistory returns a function that reads and draws the history. onPeriod is called when another period is chosen.
  window.paycow.healthHistory = (onPeriod) => {
    const charts = { lag: new Chart($('[data-chart="lag"]')), latency: new Chart($('[data-chart="latency"]')) };
    let hours = 24;
    let drawn = { hours: 0, at: 0 };
    for (const input of $$('[name="hours"]')) {
      input.addEventListener('change', () => {
        hours = Number(input.value);
        onPeriod();
      });
    }
    return async (isCurrent) => {
      const asked = hours;
      if (drawn.hours === asked && Date.now() - drawn.at < 60_000) return; // so that the pointer can rest on a chart
      const history = await call('GET', '/api/admin/health/history' + query({ hours: asked }));
      if (!isCurrent()) return;
      drawn = { hours: asked, at: Date.now() };
      draw(charts.lag, asked === 1 ? t('Age of the newest block in the last hour.') : t('Age of the newest block in the last {hours} hours.', { hours: asked }),
        (value) => t('{count} s', { count: Math.round(value) }), linesOf(history, 'lagSeconds'));
      draw(charts.latency, asked === 1 ? t('Latency of the nodes in the last hour.') : t('Latency of the nodes in the last {hours} hours.', { hours: asked }),
        (value) => t('{count} ms', { count: Math.round(value) }), linesOf(history, 'latencyMillis'));
    };
  };
})();
