// What dashboard.json beside this file is made from: Grafana's own published types (npm: @grafana/schema, Apache-2.0).
// README.md says how to make it again.
import type { AnnotationQuery, DataQuery, Dashboard } from './node_modules/@grafana/schema/dist/types/index';
import type { Options as BarGauge } from './node_modules/@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen';
import type { Options as Stat } from './node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type { Options as TimeSeries, FieldConfig as TimeSeriesField } from './node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

// A query's own fields belong to its data source, and the types of that one have another licence: these are ours.
interface Query extends DataQuery {
  expr: string;
  format?: 'time_series' | 'table' | 'heatmap';
  instant?: boolean;
  legendFormat?: string;
  range?: boolean;
}

export interface Published {
  dashboard: Omit<Dashboard, 'annotations'> & { annotations?: { list?: AnnotationQuery<Query>[] } };
  query: Query;
  options: { bargauge: BarGauge; stat: Stat; timeseries: TimeSeries };
  custom: { timeseries: Partial<TimeSeriesField> };
}
