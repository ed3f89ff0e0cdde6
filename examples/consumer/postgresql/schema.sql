-- An archive of what gateways publish, for PostgreSQL 12 or newer. Storing a batch is insert.sql; everything else is a
-- view.

create table if not exists batch (
  tenant text not null,
  gateway text not null,
  machine text not null,
  kind text not null,
  stream text not null,
  seq bigint not null,
  t0 bigint not null,   -- milliseconds since the epoch
  body jsonb not null,  -- the payload
  primary key (tenant, gateway, machine, kind, stream, seq)
);

create index if not exists batch_of_events on batch (t0) where kind = 'event';

-- One row for each observation. t: milliseconds since the epoch, ns: nanoseconds within that millisecond.
create or replace view observation as
select
  b.tenant, b.gateway, b.machine, b.stream, b.seq,
  s.key as signal,
  s.value ->> 'unit' as unit,
  b.t0 + round(o.t::numeric * 1000000)::bigint / 1000000 as t,
  round(o.t::numeric * 1000000)::bigint % 1000000 as ns,
  s.value -> 'v' -> (o.i::int - 1) as v,
  coalesce(s.value -> 'q' ->> (o.i::int - 1), 'good') as q
from batch b, jsonb_each(b.body -> 'signals') s, jsonb_array_elements_text(s.value -> 't') with ordinality o (t, i)
where b.kind = 'telemetry';

-- What was lost, as the gateways tell it. The last four name a run of batches that will never come, where there is one.
create or replace view gap as
select
  b.tenant, b.gateway, b.machine,
  e ->> 'cause' as cause,
  (e ->> 'from')::bigint as from_t,
  (e ->> 'to')::bigint as to_t,
  (e ->> 'count')::bigint as observations,
  e #>> '{batches,kind}' as lost_kind,
  e #>> '{batches,stream}' as lost_stream,
  (e #>> '{batches,first}')::bigint as first_seq,
  (e #>> '{batches,last}')::bigint as last_seq
from batch b, jsonb_array_elements(b.body -> 'events') e
where b.kind = 'event' and e ->> 'type' = 'gap';

-- Runs of seq that are neither here nor named by a gap, from the first one that is here. Empty: nothing is missing.
create or replace view missing_batches as
with known as (
  select tenant, gateway, machine, kind, stream, seq as first_seq, seq as last_seq, true as is_here from batch
  union all
  select tenant, gateway, machine, lost_kind, lost_stream, first_seq, last_seq, false from gap where first_seq is not null
), ordered as (
  select
    *,
    max(last_seq) over before as reached,
    min(case when is_here then first_seq end) over channel as judged_from
  from known
  window
    channel as (partition by tenant, gateway, machine, kind, stream),
    before as (channel order by first_seq, last_seq rows between unbounded preceding and 1 preceding)
)
select tenant, gateway, machine, kind, stream, reached + 1 as first_seq, first_seq - 1 as last_seq
from ordered
where first_seq > reached + 1 and reached >= judged_from;
