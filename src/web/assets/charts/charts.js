import * as core from "echarts/core";
import { BarChart, LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendScrollComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";

core.use([BarChart, LineChart, AriaComponent, GridComponent, LegendScrollComponent, TooltipComponent, CanvasRenderer]);
globalThis.echarts = { init: core.init };
