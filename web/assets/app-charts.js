// Charts. Each canvas has a text alternative. Those by day have a table with the same figures, too.
(() => {
  'use strict';
  const { $, el, t, locale, percent, grouped, amount, day } = window.paycow;
  const uPlot = window.uPlot;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dateOf = (seconds) => new Date(seconds * 1000);

  // compact abbreviates a number for an axis.
  const compact = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 });

  function axes(left, right) {
    const common = { stroke: colour('--soft'), font: '12px system-ui,sans-serif', ticks: { show: false } };
    const grid = { stroke: colour('--line'), width: 1 };
    return [
      { ...common, grid: { show: false }, size: 30, values: (_, ticks) => ticks.map((tick) => day(dateOf(tick))), incrs: [1, 2, 5, 10, 15, 30].map((days) => days * 86400), space: 62 },
      { ...common, grid, size: 52, values: (_, ticks) => ticks.map(left), ...(right && { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000, 100000] }) },
      ...(right ? [{ ...common, grid: { show: false }, side: 1, scale: 'rate', size: 48, values: (_, ticks) => ticks.map(right) }] : []),
    ];
  }

  // tip shows a day's figures beside the pointer.
  function tip(box, lines) {
    const label = el('div', { class: 'chart-tip', hidden: true, 'aria-hidden': 'true' });
    box.append(label);
    return (chart) => {
      const { idx, left } = chart.cursor;
      label.hidden = idx === null || idx === undefined || left < 0;
      if (label.hidden) return;
      label.replaceChildren(...lines(idx));
      const over = chart.over.getBoundingClientRect();
      const at = over.left - box.getBoundingClientRect().left + left;
      const width = label.offsetWidth;
      const x = at + 14 + width > box.clientWidth ? Math.max(0, at - width - 14) : at + 14;
      label.style.transform = `translate(${Math.round(x)}px, 4px)`;
    };
  }

  // Chart redraws when its box or the colours change. make returns the data and uPlot's options, except the size.
  class Chart {
    constructor(box) {
      this.box = box;
      new ResizeObserver(() => this.resize()).observe(box);
      matchMedia('(prefers-color-scheme:dark)').addEventListener('change', () => this.draw());
    }

    set(text, make) {
      this.text = text;
      this.make = make;
      this.draw();
    }

    draw() {
      if (!this.make || !this.box.clientWidth) return;
      this.chart?.destroy();
      this.box.replaceChildren();
      this.box.setAttribute('role', 'img');
      this.box.setAttribute('aria-label', this.text);
      const { options, data } = this.make(this.box);
      this.chart = new uPlot({ legend: { show: false }, padding: [10, 6, 0, 0], width: this.box.clientWidth, height: this.box.clientHeight, ...options }, data, this.box);
    }

    resize() {
      if (!this.chart) this.draw();
      else if (this.box.clientWidth) this.chart.setSize({ width: this.box.clientWidth, height: this.box.clientHeight });
    }
  }

  const cursor = { y: false, points: { show: false }, drag: { x: false, y: false } };
  // Half a day of room on both sides keeps the first and the last bar whole. Days are UTC's, as in the calls.
  const dayScale = { time: false, range: (_, min, max) => [min - 43200, max + 43200] };
  const bars = (size, align = 0) => uPlot.paths.bars({ size: [size, 26, 1], align, radius: 0.2 });

  function legend(box, keys) {
    if (box.nextElementSibling?.classList.contains('legend')) return;
    box.after(el('p', { class: 'legend', 'aria-hidden': 'true' }, keys.map(([name, text]) => el('span', { class: name }, text))));
  }

  // drawDays draws both charts of the overview.
  function drawDays(charts, days) {
    const x = days.map((d) => Date.parse(d.date + 'T00:00:00Z') / 1000);
    const first = day(dateOf(x[0]));
    const last = day(dateOf(x[x.length - 1]));
    const headline = (i) => el('strong', {}, day(dateOf(x[i])));

    const best = days.reduce((a, b) => (Number(b.volume) > Number(a.volume) ? b : a));
    const hasVolume = Number(best.volume) > 0;
    charts.volume.set([
      t('Volume by day from {first} to {last}.', { first, last }), hasVolume ? t('Highest on {day} with {amount} USDT.', { day: day(new Date(best.date + 'T00:00:00Z')), amount: grouped(best.volume) }) : t('Nothing was received.'), t('The figures are in the table below.'),
    ].join(' '), (box) => ({
      data: [x, days.map((d) => Number(d.volume))], // floats are exact enough for the height of a bar
      options: {
        cursor, axes: axes((v) => compact.format(v)),
        scales: { x: dayScale, y: { range: (_, min, max) => [Math.min(0, min * 1.08), max > 0 ? max * 1.08 : 10] } }, // a day's reversals may exceed its credits
        series: [{}, { fill: colour('--accent'), stroke: colour('--accent'), width: 0, paths: bars(0.7), points: { show: false } }],
        hooks: { setCursor: [tip(box, (i) => [headline(i), el('span', {}, amount(days[i].volume), ' USDT')])] },
      },
    }));

    const rate = (d) => (d.ended ? (d.paid / d.ended) * 100 : null); // what is still open does not count yet
    const created = days.reduce((sum, d) => sum + d.created, 0);
    const paid = days.reduce((sum, d) => sum + d.paid, 0);
    charts.conversion.set(t('Payments by day from {first} to {last}: {created} created, {paid} paid.', { first, last, created, paid }) + ' ' + t('The figures are in the table below.'), (box) => ({
      data: [x, days.map((d) => d.created || null), days.map((d) => d.paid || null), days.map(rate)],
      options: {
        cursor, axes: axes((v) => (Number.isInteger(v) ? compact.format(v) : ''), (v) => percent(v / 100)),
        scales: { x: dayScale, y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 5] }, rate: { range: [0, 104] } },
        series: [{},
          { fill: colour('--line'), stroke: colour('--edge'), width: 1, paths: bars(0.7), points: { show: false } },
          { fill: colour('--accent'), stroke: colour('--accent'), width: 0, paths: bars(0.7), points: { show: false } },
          { scale: 'rate', stroke: colour('--wait'), width: 2, spanGaps: true, points: { show: true, size: 6, fill: colour('--card') } },
        ],
        hooks: { setCursor: [tip(box, (i) => [headline(i), t('{created} created; {paid} of {ended} that ended were paid', days[i]), days[i].ended ? ` (${percent(rate(days[i]) / 100)})` : ''])] },
      },
    }));
    legend($('[data-chart="conversion"]'), [['', t('Created')], ['key-paid', t('Paid')], ['key-rate', t('Conversion')]]);
  }

  Object.assign(window.paycow, { Chart, drawDays, chartParts: { colour, compact, cursor, tip } });
})();
