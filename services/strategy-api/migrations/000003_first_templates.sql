-- The templates that a new desk starts with. Bounds are the rules that a strategy's parameters are held to.
insert into strategy_templates (id, position, name, description, algorithm, parameters) values
(
  'sma-cross', 1, 'Moving-average cross',
  'Holds the instrument while its fast average is above its slow one.',
  'sma-cross',
  '[{"name": "fastDays", "label": "Fast average (days)", "kind": "integer", "default": 10, "min": 2, "max": 100},
    {"name": "slowDays", "label": "Slow average (days)", "kind": "integer", "default": 40, "min": 5, "max": 250}]'
),
(
  'rsi-reversion', 2, 'RSI mean reversion',
  'Buys when the relative strength index is low and sells when it is high again.',
  'rsi-reversion',
  '[{"name": "periodDays", "label": "RSI period (days)", "kind": "integer", "default": 14, "min": 2, "max": 60},
    {"name": "buyBelow", "label": "Buy below", "kind": "number", "default": 35, "min": 5, "max": 60},
    {"name": "sellAbove", "label": "Sell above", "kind": "number", "default": 60, "min": 40, "max": 95}]'
),
(
  'momentum', 3, 'Momentum',
  'Holds the instrument while its return over the look-back exceeds a threshold.',
  'momentum',
  '[{"name": "lookbackDays", "label": "Look-back (days)", "kind": "integer", "default": 60, "min": 5, "max": 250},
    {"name": "thresholdPercent", "label": "Threshold (%)", "kind": "number", "default": 2, "min": -20, "max": 50}]'
),
(
  'buy-and-hold', 4, 'Buy and hold',
  'Buys on the first day and never sells: the yardstick for the others.',
  'buy-and-hold',
  '[]'
);
