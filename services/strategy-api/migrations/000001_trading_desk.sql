-- The desk's nouns. Names are unique without regard to case, since two profiles that differ by a capital letter get mixed up.
create table strategy_templates (
  id text primary key check (id ~ '^[a-z][a-z0-9-]{1,39}$'),
  position integer not null unique,
  name text not null,
  description text not null,
  algorithm text not null check (algorithm in ('sma-cross', 'rsi-reversion', 'momentum', 'buy-and-hold')),
  parameters jsonb not null
);

create table strategies (
  id uuid primary key,
  position bigint generated always as identity unique,
  name text not null check (char_length(name) between 1 and 80),
  template_id text not null references strategy_templates (id),
  symbol text not null,
  parameters jsonb not null,
  revision integer not null default 1 check (revision > 0),
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create unique index strategies_name_key on strategies (lower(name));

create table risk_profiles (
  id uuid primary key,
  position bigint generated always as identity unique,
  name text not null check (char_length(name) between 1 and 80),
  max_position_percent double precision not null check (max_position_percent > 0 and max_position_percent <= 100),
  stop_loss_percent double precision check (stop_loss_percent > 0 and stop_loss_percent < 100),
  max_drawdown_percent double precision check (max_drawdown_percent > 0 and max_drawdown_percent < 100),
  revision integer not null default 1 check (revision > 0),
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create unique index risk_profiles_name_key on risk_profiles (lower(name));

-- A backtest keeps a copy of what it ran with, so that it stays readable and repeatable after its strategy is gone.
create table backtests (
  id uuid primary key,
  position bigint generated always as identity unique,
  strategy_id uuid references strategies (id) on delete set null,
  risk_profile_id uuid references risk_profiles (id) on delete set null,
  inputs jsonb not null,
  metrics jsonb not null,
  equity jsonb not null,
  trades jsonb not null,
  result_digest text not null check (result_digest ~ '^[0-9a-f]{64}$'),
  created_at timestamptz not null
);
create index backtests_by_strategy on backtests (strategy_id, position);
