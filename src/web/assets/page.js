// Draws each figure from the table inside it: what is drawn and what is read out are the same numbers.
"use strict";
(() => {
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const money = (value) => "$" + Number(value).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

  function numbers(figure) {
    const heads = [...figure.querySelectorAll("thead th")].map((cell) => cell.textContent);
    const rows = [...figure.querySelectorAll("tbody tr")];
    const names = rows.map((row) => row.querySelector("th").textContent);
    const value = (cell) => (cell.dataset.v === "" ? null : Number(cell.dataset.v));
    const lines = heads.slice(1).map((name, at) => ({ name, data: rows.map((row) => value(row.querySelectorAll("td")[at])) }));
    return { names, lines };
  }

  function options(figure) {
    const { names, lines } = numbers(figure);
    const ink = style("--ink");
    const bars = figure.dataset.chart === "bars";
    const series = lines.map((line) => {
      const whole = !bars && (line.name === "all" || line.name === "usual day");
      return {
        name: line.name,
        data: line.data,
        type: bars ? "bar" : "line",
        stack: whole ? undefined : "cost",
        step: bars ? undefined : "end",
        symbol: "none",
        areaStyle: bars || whole ? undefined : { opacity: 0.5 },
        lineStyle: whole ? { width: 2, type: line.name === "all" ? "solid" : "dashed", color: ink } : { width: 1 },
        itemStyle: whole ? { color: ink } : undefined,
        emphasis: { focus: "series" },
      };
    });
    return {
      animation: !still,
      aria: { enabled: true, decal: { show: matchMedia("(prefers-contrast: more)").matches } },
      textStyle: { color: ink, fontFamily: "system-ui, sans-serif" },
      color: ["#3b7ddd", "#e07b39", "#4f9d69", "#b05ec4", "#d3a518", "#3aa6b9", "#c94f6d", "#7a8b2a", "#6b6fd6", "#9a6b4f", "#8b95a1"],
      legend: { type: "scroll", top: 0, textStyle: { color: ink }, pageTextStyle: { color: ink }, pageIconColor: ink },
      grid: { top: 40, left: 8, right: 8, bottom: 4, containLabel: true },
      // On the canvas: the page's policy allows no inline styles, which the other kind is made of.
      tooltip: { trigger: "axis", renderMode: "richText", confine: true, order: "valueDesc", valueFormatter: (value) => (value == null ? "–" : money(value)) },
      xAxis: { type: "category", data: names, axisLabel: { color: ink, hideOverlap: true, formatter: (text) => (bars ? text : text.slice(11, 16)) } },
      yAxis: { type: "value", axisLabel: { color: ink, formatter: (value) => "$" + value }, splitLine: { lineStyle: { color: style("--line") } } },
      series,
    };
  }

  function draw(figure) {
    const canvas = document.createElement("div");
    canvas.className = "canvas";
    figure.prepend(canvas);
    const chart = echarts.init(canvas);
    chart.setOption(options(figure));
    addEventListener("resize", () => chart.resize());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart.setOption(options(figure), true));
  }

  if (typeof echarts !== "undefined") document.querySelectorAll("[data-chart]").forEach(draw);
})();
